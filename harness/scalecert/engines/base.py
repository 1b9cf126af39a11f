"""The engine contract: what every inference engine model offers to a world.

One model, two clocks: the simulator advances an engine in virtual time, a mock server in wall time.
An engine is one server process (one pod). It is told of requests with their arrival times, is
advanced to a time, and writes what happened into the `RequestLog` that its run shares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scalecert.engines.profiles import EngineProfile


class Status(IntEnum):
    """How a request ended."""

    PENDING = 0
    OK = 1
    REJECTED = 2
    """Refused by the server at its limits (503, 429)."""
    ABORTED = 3
    """Lost with its server: killed at the end of the grace period, or no server was there."""


@dataclass(slots=True)
class RequestLog:
    """What the client saw, one entry a request; lists because engines write single items.

    Times are seconds of the run at the client; NaN until they happen. `replica` is the ordinal
    of the pod that served the request, -1 if none did.
    """

    first_token_seconds: list[float]
    last_token_seconds: list[float]
    status: list[int]
    replica: list[int]

    @classmethod
    def of_size(cls, count: int) -> RequestLog:
        """Return an empty log of `count` requests."""
        nan = float("nan")
        return cls([nan] * count, [nan] * count, [int(Status.PENDING)] * count, [-1] * count)


class Engine(Protocol):
    """One running server process."""

    now: float
    """Seconds of the run up to which the engine has been advanced."""

    def offer(
        self,
        ids: Sequence[int],
        arrival_seconds: Sequence[float],
        input_tokens: Sequence[int],
        output_tokens: Sequence[int],
    ) -> None:
        """Hand over requests: parallel sequences, arrivals sorted, none before `now`.

        An arrival exactly on the end of a step is seen by the scheduler at that point.
        """

    def advance(self, until_seconds: float) -> None:
        """Run to `until_seconds` (inclusive) and log every token time up to it."""

    def outstanding(self) -> int:
        """Return the number of requests that were offered, have arrived and are not finished."""

    def next_finish_seconds(self) -> float:
        """Return a time before which no request finishes; inf if none is here.

        It is when the next one finishes if no other arrived, while requests only decode; else
        an earlier time, and advancing to it repeatedly leads to the finish.
        """

    def abort(self) -> list[int]:
        """Drop every unfinished request (SIGKILL); return their ids, logged as ABORTED."""

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`, as `/metrics` shows them."""

    def busy_seconds(self) -> float:
        """Return the seconds since start in which a step was running, up to `now`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One exposed sample: its full name (`..._bucket` included), labels and value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What is known of one metric family without running anything.

    `maximum` gives the highest value one pod can show under the limits, None if unbounded.
    `unit` is the field's word: requests, tokens, fraction, percent, seconds, blocks.
    `labels` are the label names of every series (pod labels of the scrape aside).
    `replaced_by` is the family's name in later versions, for a metric that this version lacks.
    """

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...] = ()
    maximum: Callable[[Limits], float] | None = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a server process as its flags set them, with where each came from.

    `values` uses the engine's own flag names in snake_case (`max_num_seqs`, `max_model_len`,
    `kv_tokens`, ...); `sources` says per name `profile`, `args`, `env` or `default`.
    """

    values: Mapping[str, float | int | bool | str]
    sources: Mapping[str, str] = field(default_factory=dict)

    def integer(self, name: str) -> int:
        """Return the limit `name` as an integer; KeyError if the engine has none such."""
        return int(self.values[name])


class EngineKind(Protocol):
    """What differs between engines, gathered: the only thing that adding an engine provides."""

    name: str
    """`vllm`, `tgi`, `jetstream`: the word on the command line and in profiles."""

    default_port: int
    """Where a server listens whose command line does not say."""

    def recognises(self, image: str) -> bool:
        """Tell whether a container image is this engine's."""

    def is_started_by(self, words: Sequence[str]) -> bool:
        """Tell whether the words of a command line start this engine's server."""

    def version_of(self, image: str) -> str | None:
        """Return the engine's version by the image's tag, None if the tag does not say."""

    def limits(
        self,
        profile: EngineProfile,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        version: str | None = None,
    ) -> Limits:
        """Return the limits: the profile's, overridden by env, overridden by args.

        Args:
            profile: the engine profile.
            args: the words of the server's command line, as a shell has split them.
            env: the container's plain variables.
            version: the engine's, the profile's if None; defaults differ between versions.

        Raises:
            UsageError: for a flag value that can't be used.
        """

    def costly_flags(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the flags that change what a step costs, and that no profile can know.

        Args:
            words: of the server's command line, as a shell has split them.
        """

    def context_tokens(self, limits: Limits) -> int:
        """Return the longest request that a server with these limits takes, answer included."""

    def drain_seconds(self, limits: Limits) -> float:
        """Return how long a server works on after SIGTERM before it aborts what runs."""

    def model_of(self, words: Sequence[str], env: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the model that a server loads and where that is said (`args` or `env NAME`).

        Args:
            words: of the server's command line, as a shell has split them.
            env: the container's plain variables.
        """

    def served_name(self, words: Sequence[str], env: Mapping[str, str]) -> str | None:
        """Return the model name in the server's API and on its metrics; None if nothing says."""

    def metrics(self, version: str | None) -> Mapping[str, MetricInfo]:
        """Return every metric family that this version exposes, by name."""

    def replaced_by(self, name: str, version: str | None) -> str | None:
        """Return today's name of a metric that `version` does not have, None if never known."""

    def start(
        self,
        profile: EngineProfile,
        limits: Limits,
        log: RequestLog,
        *,
        ordinal: int,
        model_name: str,
        now: float,
    ) -> Engine:
        """Return a started, idle engine whose first step can begin at `now`."""
