"""The engine contract: what every inference engine model offers to a world.

One model, two clocks: the simulator advances an engine in virtual time, a mock server in wall time.
An engine is one server process (one pod). It is told of requests with their arrival times, is
advanced to a time, and writes what happened into the `RequestLog` that its run shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from scalecert.engines.api_client import ApiClient
from scalecert.engines.request_log import RequestLog
from scalecert.request_limits import RequestLimits

if TYPE_CHECKING:
    from scalecert.documents import DocumentPart
    from scalecert.engines.catalog import Accelerator
    from scalecert.engines.profiles import EngineProfile, ModelShape


@dataclass(frozen=True, slots=True)
class Activity:
    """What one server has done since its start; differences of two are rates.

    What its accelerators and CPU show is made of it (`scalecert.exporters`).
    """

    busy_seconds: float
    """In which a step was running."""
    steps: int
    """Forward passes: each reads all weights once."""
    computed_tokens: int
    """Prompt and output tokens that went through the model; padding too, where there is any."""
    context_read_tokens: int
    """Tokens of context whose keys and values decode steps have read, over all steps."""
    held_tokens: int
    """Tokens of context in the KV cache now."""


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

    def next_event_seconds(self) -> float:
        """Return when a client may next see something if no other request comes.

        No later than the end of the next step, and no later than a refusal; inf while nothing is
        here. It may be too early, never by less than what advancing to it repairs.
        """

    def progress(self) -> dict[int, int]:
        """Return the output tokens sent so far, by id, of unfinished requests that have any."""

    def cancel(self, ids: Iterable[int]) -> None:
        """Let requests leave whose clients went away, as the server lets them leave.

        Each is logged as ABORTED once it has left, with the step in flight at the latest where
        the server looks at that between steps; ids that are not here any more are passed over.
        """

    def forget_finished(self) -> None:
        """Take what finished into the metrics for good: the log is not read for it any more.

        So its ids can be used for other requests, and a server that lives long stays small.
        """

    def slow_down(self, times: float) -> None:
        """Let steps take so many times as long as its costs say, from the one in flight on."""

    def abort(self) -> list[int]:
        """Drop every unfinished request (SIGKILL); return their ids, logged as ABORTED."""

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return the current samples of the metric families `names`, as `/metrics` shows them."""

    def activity(self) -> Activity:
        """Return what the server has done since its start, up to `now`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One exposed sample: its full name (`..._bucket` included), labels and value."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class RequestSizes:
    """What a load's requests are like: means over all of them.

    `spread` is the coefficient of variation of one request's tokens, input and output together.
    """

    input_tokens: float
    output_tokens: float
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What is known of one metric family without running anything.

    `maximum` gives the highest value one pod can show under the limits, None if unbounded;
    `usual_maximum` the one around which it stays with requests of such sizes, however long the
    queue, None if their size bounds nothing.
    `unit` is the field's word: requests, tokens, fraction, percent, seconds, blocks.
    `labels` are the label names of every series (pod labels of the scrape aside).
    """

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...] = ()
    maximum: Callable[[Limits], float] | None = None
    usual_maximum: Callable[[Limits, RequestSizes], float] | None = None
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


@dataclass(frozen=True, slots=True)
class MetricsEndpoint:
    """Where a server shows its metrics: `path` None is any, `port` None is nowhere.

    `switch` is what turns them on where they are off.
    """

    port: int | None
    path: str | None = "/metrics"
    switch: str = ""


class EngineKind(Protocol):
    """What differs between engines, gathered: the only thing that adding an engine provides."""

    name: str
    """`vllm`, `tgi`, `jetstream`: the word on the command line and in profiles."""

    default_port: int
    """Where a server listens whose command line does not say."""

    health_path: str
    """Where a probe learns over HTTP whether the server answers."""

    exits_when_idle: bool
    """Whether a server that got SIGTERM exits once nothing runs; if not, it holds its accelerators
    until the kubelet kills it."""

    profile_limits: type[DocumentPart]
    """What `limits` of this engine's profiles are."""

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

    def estimate(self, model: ModelShape, accelerator: Accelerator, *, count: int) -> EngineProfile:
        """Return the estimated profile of a model on `count` accelerators per replica.

        Raises:
            UsageError: if the engine can't run the model there.
        """

    def metrics_endpoint(self, words: Sequence[str], env: Mapping[str, str]) -> MetricsEndpoint:
        """Return where a server shows its metrics.

        Args:
            words: of the server's command line, as a shell has split them.
            env: the container's plain variables.
        """

    def client(self, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
        """Return how a client asks a server for so many tokens, and reads its answer.

        Args:
            words: of the server's command line, as a shell has split them.
            env: the container's plain variables.
        """

    def costly_flags(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the flags that change what a step costs, and that no profile can know.

        Args:
            words: of the server's command line, as a shell has split them.
        """

    def request_limits(self, limits: Limits) -> RequestLimits:
        """Return the longest requests that a server with these limits takes."""

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
