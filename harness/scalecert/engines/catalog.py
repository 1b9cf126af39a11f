"""Catalogues of accelerators and model shapes: what the roofline needs to know of each.

The shipped ones lie beside the engine profiles; a user's file of the same form is named by its
path, with `#name` behind it if it holds more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from scalecert.bundled import bundled
from scalecert.documents import ApiVersion, DocumentPart, closest, load_document
from scalecert.engines.model_config import read_model_config
from scalecert.engines.profiles import Metadata, ModelShape, Price
from scalecert.errors import UsageError

AcceleratorKind = Literal["gpu", "tpu"]


class Accelerator(DocumentPart, frozen=True, kw_only=True):
    """One kind of accelerator."""

    name: str
    kind: AcceleratorKind = "gpu"
    """What engines are built for: each runs on one of them only (`roofline.require_kind`)."""
    flops_per_second: float
    """Dense peak of the weights' type, without sparsity."""
    bytes_per_second: float
    """Peak memory bandwidth."""
    memory_bytes: int
    price: Price
    sustained_share: float = 1.0
    """Share of the peak that power leaves under a lasting load, against an H200's."""
    interconnect_bytes_per_second: float = 20e9
    """Between accelerators of one replica, one way; matters with more than one."""
    node_labels: tuple[str, ...] = ()
    """Values of node labels that mean it: `cloud.google.com/gke-accelerator`,
    `nvidia.com/gpu.product`."""
    product: str = ""
    """What its driver calls it (nvmlDeviceGetName), of a TPU the node's label: its metrics' label
    `model`."""
    power_limit_watts: float = 400.0
    """Of a GPU, as its data sheet has it."""
    source: str = ""


class AcceleratorList(DocumentPart, frozen=True):
    """The body of an accelerator catalogue."""

    accelerators: tuple[Accelerator, ...]


class AcceleratorCatalog(DocumentPart, frozen=True):
    """A file of accelerators."""

    api_version: ApiVersion
    kind: Literal["AcceleratorCatalog"]
    metadata: Metadata
    spec: AcceleratorList


class ModelList(DocumentPart, frozen=True):
    """The body of a model catalogue."""

    models: tuple[ModelShape, ...]


class ModelCatalog(DocumentPart, frozen=True):
    """A file of model shapes."""

    api_version: ApiVersion
    kind: Literal["ModelCatalog"]
    metadata: Metadata
    spec: ModelList


class _Named(Protocol):
    @property
    def name(self) -> str:
        """Return the entry's name."""


Entry = TypeVar("Entry", bound=_Named)


def accelerators() -> tuple[Accelerator, ...]:
    """Return the shipped accelerators."""
    return _accelerators(bundled("fixtures", "profiles", "accelerators.yaml"))


def models() -> tuple[ModelShape, ...]:
    """Return the shipped model shapes."""
    return _models(bundled("fixtures", "profiles", "models.yaml"))


def load_accelerator(name: str) -> Accelerator:
    """Return the accelerator of that name, or of the file of that path.

    Raises:
        UsageError: if there is none such, or the file can't be used.
    """
    path, _, entry = name.partition("#")
    if Path(path).is_file():
        return _pick(_accelerators(Path(path)), entry, "accelerator", path)
    return _pick(accelerators(), name, "accelerator", None)


def load_model(name: str) -> ModelShape:
    """Return the model shape of that name, or of the file of that path.

    The file is a catalogue, or the `config.json` of a model.

    Raises:
        UsageError: if there is none such, or the file can't be used.
    """
    path, _, entry = name.partition("#")
    if Path(path).is_file():
        return _pick(_models(Path(path)), entry, "model", path)
    return _pick(models(), name, "model", None)


def accelerator_of_label(value: str) -> str | None:
    """Return the name of the accelerator that a node label's value means, None if unknown.

    `nvidia-tesla-a100` is the 40 GB card, which no shipped profile describes.
    """
    for accelerator in accelerators():
        if value == accelerator.name or value in accelerator.node_labels:
            return accelerator.name
    return None


_POSITIVE = (
    "flops_per_second", "bytes_per_second", "memory_bytes", "sustained_share", "power_limit_watts",
)  # fmt: skip


@cache
def _accelerators(path: Path) -> tuple[Accelerator, ...]:
    catalog = load_document(path, "AcceleratorCatalog", AcceleratorCatalog)
    for entry in catalog.spec.accelerators:
        for field in _POSITIVE:
            _positive(getattr(entry, field), path, f"{entry.name}: {field}")
    return catalog.spec.accelerators


@cache
def _models(path: Path) -> tuple[ModelShape, ...]:
    config = read_model_config(path)
    if config is not None:
        return (config,)
    catalog = load_document(path, "ModelCatalog", ModelCatalog)
    for entry in catalog.spec.models:
        for field in ("layers", "hidden", "heads", "kv_heads", "intermediate", "vocabulary"):
            _positive(getattr(entry, field), path, f"{entry.name}: {field}")
    return catalog.spec.models


def _positive(value: float, path: Path, field: str) -> None:
    if value <= 0:
        raise UsageError(f"found {value}, expected more than 0", file=str(path), field=field)


def _pick(entries: Sequence[Entry], name: str, what: str, file: str | None) -> Entry:
    """Return the entry of that name, or the only one if none is named."""
    if not name and len(entries) == 1:
        return entries[0]
    names = [entry.name for entry in entries]
    if name in names:
        return entries[names.index(name)]
    if file and not name:
        hint = f"name one of them: {file}#{names[0]}" if names else None
        raise UsageError(f"found {len(names)} entries, expected one {what}", file=file, hint=hint)
    near = closest(name, names)
    hint = f"did you mean {near}?" if near else f"one of {', '.join(names)}"
    if file is None and Path(name).suffix in _FILES:
        raise UsageError(f"no such file, expected a catalogue with one {what}", file=name)
    expected = f"the name of one {what}, or a file" if file is None else f"one {what} of the file"
    raise UsageError(f"found {name!r}, expected {expected}", file=file, field=what, hint=hint)


_FILES = frozenset({".yaml", ".yml", ".json"})
