"""The flags of TGI's command line that its router goes by, beside those of the scheduler.

With their defaults from launcher/src/main.rs. What the server says of itself is here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mock_servers.serving.backend import Backend
from mock_servers.tgi.validation import RouterLimits
from scalecert.engines.flags import Flag, Value, at_least, counted, last_value, parse_flags
from scalecert.engines.tgi.scheduler_limits import SchedulerLimits

_FLAGS: Mapping[str, Flag] = {
    "--max-best-of": counted("max_best_of"),
    "--max-stop-sequences": counted("max_stop_sequences", 0),
    "--max-top-n-tokens": counted("max_top_n_tokens", 0),
    "--max-client-batch-size": counted("max_client_batch_size"),
    "--validation-workers": counted("validation_workers"),
    "--payload-limit": Flag("payload_limit", at_least(0, int), "bytes"),
    "--disable-grammar-support": Flag("disable_grammar_support", None),
}
_DEFAULTS: Mapping[str, Value] = {
    "max_best_of": 2,
    "max_stop_sequences": 4,
    "max_top_n_tokens": 5,
    "max_client_batch_size": 4,
    "validation_workers": 2,
    "payload_limit": 2_000_000,
    "disable_grammar_support": False,
}
_ROUTER = "text-generation-router"
_COMMITS = {
    "3.3.4": "d4bd5cac7978e5713e123c3f7e4a46687582c913",
    "3.3.5": "8d029d2fc36c814e1464278b414d2d414f71cacf",
    "3.3.6": "efb94e0d3db6aba9d464bc9a2f83191146203152",
    "3.3.7": "dfb3fbe78e0d1d69251bd33065591c61bafdfaa8",
}
"""What the images of these versions were built from."""
_CALLED = {"3.3.6": "3.3.6-dev0", "3.3.7": "3.3.6-dev0"}
"""What these versions call themselves (`version` in Cargo.toml at their tags)."""
_SHORT = 7
"""Digits of a commit in an image's label (.github/workflows/build.yaml)."""


@dataclass(frozen=True, slots=True)
class RouterOptions:
    """What one server was started with.

    Attributes:
        limits: of what it takes.
        most_body_bytes: of a request.
        validation_workers: that it says it has.
        api_key: that POST requests have to have; None if none.
        allowed_origins: whose pages may call it; None is anybody's.
    """

    limits: RouterLimits
    most_body_bytes: int
    validation_workers: int
    api_key: str | None
    allowed_origins: tuple[str, ...] | None

    @classmethod
    def of(cls, backend: Backend) -> RouterOptions:
        """Return the options of a server.

        Raises:
            UsageError: for a flag value that the real server would not take.
        """
        words = backend.given.words
        values = {**_DEFAULTS, **parse_flags(words, _FLAGS)}
        origins = last_value(words, ("--cors-allow-origin",))
        return cls(
            limits=RouterLimits(
                tokens=SchedulerLimits.of(backend.limits),
                most_best_of=int(values["max_best_of"]),
                most_stop_sequences=int(values["max_stop_sequences"]),
                most_top_n_tokens=int(values["max_top_n_tokens"]),
                most_prompts=int(values["max_client_batch_size"]),
                takes_grammars=not values["disable_grammar_support"],
            ),
            most_body_bytes=int(values["payload_limit"]),
            validation_workers=int(values["validation_workers"]),
            api_key=last_value(words, ("--api-key",)),
            allowed_origins=None if origins is None else tuple(origins.split(",")),
        )


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server says of itself.

    Attributes:
        model: its name.
        version: as it calls it.
        commit: that it was built from, None if that is not known.
        compute_type: accelerators of a replica, `1-nvidia-l4`.
    """

    model: str
    version: str
    commit: str | None
    compute_type: str

    @classmethod
    def of(cls, backend: Backend) -> ServerIdentity:
        """Return the identity of a server."""
        version, accelerator = backend.version, backend.given.profile.spec.accelerator
        return cls(
            model=backend.model_name,
            version=_CALLED.get(version, version),
            commit=_COMMITS.get(version),
            compute_type=f"{accelerator.count}-nvidia-{accelerator.name}",
        )

    @property
    def label(self) -> str | None:
        """Its image's label."""
        return None if self.commit is None else f"sha-{self.commit[:_SHORT]}"

    @property
    def fingerprint(self) -> str:
        """What answers on /v1 name it by."""
        return f"{self.version}-{self.label or 'native'}"

    def info(self, options: RouterOptions) -> dict[str, object]:
        """Return what /info answers."""
        limits = options.limits
        return {
            "model_id": self.model,
            "model_sha": None,
            "model_pipeline_tag": "text-generation",
            "max_concurrent_requests": limits.tokens.max_concurrent_requests,
            "max_best_of": limits.most_best_of,
            "max_stop_sequences": limits.most_stop_sequences,
            "max_input_tokens": limits.tokens.max_input_tokens,
            "max_total_tokens": limits.tokens.max_total_tokens,
            "validation_workers": options.validation_workers,
            "max_client_batch_size": limits.most_prompts,
            "router": _ROUTER,
            "version": self.version,
            "sha": self.commit,
            "docker_label": self.label,
        }

    def models(self) -> dict[str, object]:
        """Return what /v1/models answers."""
        model = {"id": self.model, "object": "model", "created": 0, "owned_by": self.model}
        return {"object": "list", "data": [model]}
