"""Engine profiles: what one engine does with one model on one accelerator, as data.

A profile is one YAML file (`kind: EngineProfile`): step costs, limits, memory, start-up, price,
and where its numbers come from. ScaleCert ships some (`profile_names`); a path names the user's
own. Profiles are measured and fitted (`tools/fit_profile.py`) or estimated from a model's shape
and an accelerator's data (`scalecert.engines.roofline`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import yaml

from scalecert.bundled import bundled
from scalecert.documents import (
    ApiVersion,
    Document,
    DocumentPart,
    closest,
    decode,
    read_one_document,
)
from scalecert.engines.costs import StepCosts
from scalecert.engines.profile_ranges import check_ranges
from scalecert.engines.registry import engine_kind, engine_names
from scalecert.errors import UsageError

KIND = "EngineProfile"
GIB = 2**30


class Metadata(DocumentPart, frozen=True):
    """`name` is what `--profile` takes, `<engine>_<model>_<accelerator>` by custom."""

    name: str


DataType = Literal["float32", "bfloat16", "float16", "float8", "int8", "int4"]
_BYTES: dict[DataType, float] = {
    "float32": 4.0,
    "bfloat16": 2.0,
    "float16": 2.0,
    "float8": 1.0,
    "int8": 1.0,
    "int4": 0.5,
}


class ModelShape(DocumentPart, frozen=True, kw_only=True):
    """The shape of a decoder-only transformer: all that step costs depend on."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    head_dim: int | None = None
    """Width of one head; hidden / heads if not given."""
    dtype: DataType = "bfloat16"
    """Of the weights."""
    bytes_per_kv: float = 2.0
    """2 for bfloat16, 1 for an FP8 KV cache."""
    tied_embeddings: bool = False
    """Whether input embedding and output head are one matrix."""
    max_context: int = 4096
    """Positions that the model can address, tokens."""

    @property
    def bytes_per_weight(self) -> float:
        """Return the bytes of one weight."""
        return _BYTES[self.dtype]

    @property
    def head_width(self) -> int:
        """Return the width of one attention head."""
        return self.head_dim if self.head_dim is not None else self.hidden // self.heads

    @property
    def layer_weights(self) -> int:
        """Return the matrix weights of all layers: attention projections and the gated MLP."""
        query_and_output = 2 * self.hidden * self.heads * self.head_width
        keys_and_values = 2 * self.hidden * self.kv_heads * self.head_width
        mlp = 3 * self.hidden * self.intermediate
        return self.layers * (query_and_output + keys_and_values + mlp)

    @property
    def head_weights(self) -> int:
        """Return the weights of the output head, computed for sampled tokens only."""
        return self.hidden * self.vocabulary

    @property
    def weight_bytes(self) -> float:
        """Return the bytes of all weights in memory, norms aside."""
        embeddings = self.head_weights * (1 if self.tied_embeddings else 2)
        return (self.layer_weights + embeddings) * self.bytes_per_weight

    @property
    def kv_bytes_per_token(self) -> float:
        """Return the bytes of one context token's keys and values over all layers."""
        return 2 * self.layers * self.kv_heads * self.head_width * self.bytes_per_kv


class AcceleratorCount(DocumentPart, frozen=True):
    """Accelerators of one replica (tensor parallel)."""

    name: str
    count: int = 1
    kind: Literal["gpu", "tpu"] | msgspec.UnsetType = msgspec.UNSET
    """Of an accelerator that the shipped catalogue lacks; a GPU where nothing is said."""


class Memory(DocumentPart, frozen=True, kw_only=True):
    """Memory of one accelerator, for the KV room under other flags."""

    accelerator_bytes: int
    """What the driver leaves to programs."""
    weights_bytes: int
    """Of all accelerators together."""
    fixed_bytes: int
    """CUDA context and workspace of one accelerator."""
    activation_bytes_per_token: int
    """Peak activations per token of `max_num_batched_tokens`, one accelerator."""
    kv_bytes_per_token: int
    """Of all accelerators together."""
    kv_allocation: Literal["at-start", "with-load"] = "at-start"
    """When the server takes the memory of its KV cache: what memory metrics show. `with-load` is
    what some report of JetStream; every source that was read allocates once."""


Limit = int | float | bool | str
"""The value of one limit of a server."""


class RelativeError(DocumentPart, frozen=True):
    """A relative error: 0.05 is 5 %. `assumed` says that nobody has measured it."""

    relative: float
    basis: Literal["measured", "assumed"]
    note: str = ""


class ProfileErrors(DocumentPart, frozen=True):
    """How far the profile may be off, by what it predicts."""

    prefill: RelativeError
    decode: RelativeError
    startup: RelativeError


class Startup(DocumentPart, frozen=True):
    """From the container's start to a server that answers."""

    model_load_seconds: float
    note: str = ""


class Price(DocumentPart, frozen=True):
    """List price of one replica's accelerators with their share of the machine."""

    per_hour: float
    currency: str = "USD"
    source: str = ""
    region: str = ""
    date: str = ""


class Provenance(DocumentPart, frozen=True):
    """Where the numbers come from."""

    kind: Literal["measured", "estimated"]
    what: str
    where: str
    when: str
    source: str


class ProfileSpec(DocumentPart, frozen=True, kw_only=True):
    """The body of a profile."""

    engine: str
    engine_version: str
    model: ModelShape
    accelerator: AcceleratorCount
    costs: StepCosts
    limits: dict[str, Limit]
    """The server's, where the policy's flags do not say otherwise: `EngineKind.profile_limits`."""
    memory: Memory
    errors: ProfileErrors
    startup: Startup
    price: Price
    provenance: Provenance


LimitsT = TypeVar("LimitsT", bound=DocumentPart)


class EngineProfile(DocumentPart, frozen=True):
    """An engine profile document."""

    api_version: ApiVersion
    kind: Literal["EngineProfile"]
    metadata: Metadata
    spec: ProfileSpec

    @property
    def name(self) -> str:
        """Return the profile's name."""
        return self.metadata.name

    def limits_as(self, type_: type[LimitsT]) -> LimitsT:
        """Return the limits as the type of the profile's engine."""
        return msgspec.convert(self.spec.limits, type_)


def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*_*_*.yaml")))


def load_profile(name: str) -> EngineProfile:
    """Return the profile of a file, if `name` is the path of one, else the shipped one.

    Raises:
        UsageError: if there is none such, or its file can't be used.
    """
    path = Path(name)
    if not path.is_file():
        path = _shipped(name)
    document = read_one_document(path, KIND)
    profile = decode(document, EngineProfile)
    _check_engine(profile, document)
    _check(profile, str(path))
    check_ranges(profile.spec, str(path))
    return profile


def _check_engine(profile: EngineProfile, document: Document) -> None:
    """Refuse an engine that there is not, and limits that are not this engine's."""
    engine, names = profile.spec.engine, engine_names()
    if engine not in names:
        problem = f"found {engine!r}, expected one of {', '.join(names)}"
        near = closest(engine, names)
        hint = f"did you mean {near}?" if near else None
        raise document.error(problem, field="spec.engine", hint=hint)
    decode(document, engine_kind(engine).profile_limits, path="spec.limits")


def with_errors(profile: EngineProfile, errors: Mapping[str, RelativeError]) -> EngineProfile:
    """Return a profile with other errors of some parts (`prefill`, `decode`, `startup`).

    Where its numbers come from stays as it is.
    """
    changed = msgspec.structs.replace(profile.spec.errors, **errors)
    return msgspec.structs.replace(
        profile, spec=msgspec.structs.replace(profile.spec, errors=changed)
    )


def profile_text(profile: EngineProfile) -> str:
    """Return a profile as the YAML text of its file, fields in the order of the types.

    What has its default is left out, so that a file says only what is particular to it.
    """
    plain = msgspec.to_builtins(profile)
    _leave_out_defaults(plain["spec"]["model"], ModelShape)
    _leave_out_defaults(plain["spec"]["costs"], StepCosts)
    _leave_out_defaults(plain["spec"]["price"], Price)
    text: str = yaml.safe_dump(plain, sort_keys=False, width=100, allow_unicode=True)
    return text


def kv_room_tokens(
    memory: Memory,
    accelerator: AcceleratorCount,
    *,
    utilization: float,
    step_tokens: int,
    block_size: int,
) -> int:
    """Return the tokens that the KV cache holds, in whole blocks: what is left of the memory.

    Args:
        memory: the profile's.
        accelerator: of one replica.
        utilization: share of the accelerator's memory that the server may use.
        step_tokens: of the largest step, whose activations have to fit beside the cache.
        block_size: tokens in a block.

    Raises:
        UsageError: if not one block is left.
    """
    beside = memory.fixed_bytes + memory.activation_bytes_per_token * step_tokens
    room = accelerator.count * (utilization * memory.accelerator_bytes - beside)
    blocks = int((room - memory.weights_bytes) / memory.kv_bytes_per_token / block_size)
    if blocks < 1:
        raise UsageError(
            f"{memory.weights_bytes / GIB:.1f} GiB of weights leave no room for a KV cache on"
            f" {accelerator.count} x {accelerator.name}",
            field="accelerator",
            hint="take a larger accelerator, more of them, or a higher utilization",
        )
    return blocks * block_size


def _leave_out_defaults(plain: dict[str, object], type_: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(type_):
        if not field.required and plain[field.encode_name] == field.default:
            del plain[field.encode_name]


def _folder() -> Path:
    return bundled("fixtures", "profiles")


def _shipped(name: str) -> Path:
    names = profile_names()
    if name in names:
        return _folder() / f"{name}.yaml"
    near = closest(name, names)
    hint = f"did you mean {near}?" if near else f"one of {', '.join(names)}"
    if Path(name).suffix in {".yaml", ".yml", ".json"}:
        raise UsageError("no such file, expected an engine profile", file=name)
    raise UsageError(
        f"found {name!r}, expected a profile's name or file", field="profile", hint=hint
    )


def _check(profile: EngineProfile, file: str) -> None:
    """Refuse numbers that no server can have."""
    positive = {
        "costs.weightsSeconds": profile.spec.costs.weights_seconds,
        "costs.tokenSeconds": profile.spec.costs.token_seconds,
        "costs.blend": profile.spec.costs.blend,
        "accelerator.count": profile.spec.accelerator.count,
    }
    for field, value in positive.items():
        if value <= 0:
            raise UsageError(
                f"found {value}, expected more than 0", file=file, field=f"spec.{field}"
            )
    for field, cost in msgspec.to_builtins(profile.spec.costs).items():
        if cost < 0:
            raise UsageError(
                f"found {cost}, expected 0 or more", file=file, field=f"spec.costs.{field}"
            )
    for part, error in msgspec.structs.asdict(profile.spec.errors).items():
        if not 0 <= error.relative < 1:
            raise UsageError(
                f"found {error.relative}, expected 0 or more and less than 1 (0.3 is 30 %)",
                file=file,
                field=f"spec.errors.{part}.relative",
            )
