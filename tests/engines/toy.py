"""The smallest engine that there can be, to hold the contract that one more engine needs no more.

Its server has so many seats. A prompt is computed as a whole, alone, as soon as a seat is free;
else all seats compute one token each. One step at a time: no closed forms, no versions, one flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated

from msgspec import Meta

from scalecert.documents import DocumentPart
from scalecert.engines.api_client import ApiClient, Call
from scalecert.engines.base import Activity, EngineKind, Limits, MetricInfo, MetricsEndpoint, Sample
from scalecert.engines.catalog import Accelerator
from scalecert.engines.costs import StepCosts
from scalecert.engines.decoding import TIE_SECONDS, Request
from scalecert.engines.flags import counted, last_value, parse_flags
from scalecert.engines.frontend import Server
from scalecert.engines.images import image_path, version_of_image
from scalecert.engines.metric_families import Family, families_in
from scalecert.engines.profiles import AcceleratorCount, EngineProfile, ModelShape, kv_room_tokens
from scalecert.engines.request_log import RequestLog
from scalecert.engines.roofline import (
    check_count,
    estimate_costs,
    estimate_memory,
    estimated_profile,
)
from scalecert.request_limits import RequestLimits

VERSION = "1.0"


class ToyProfileLimits(DocumentPart, frozen=True, kw_only=True):
    """What a profile of the toy states."""

    seats: Annotated[int, Meta(ge=1, le=1024)] = 32
    longest_request: Annotated[int, Meta(ge=2)]
    kv_tokens: Annotated[int, Meta(ge=2)]


FAMILIES = (
    Family("toy_seats_taken", "gauge", "requests", "Requests that have a seat.",
           maximum=lambda limits: float(limits.integer("seats"))),
    Family("toy_queue", "gauge", "requests", "Requests that wait for a seat."),
    Family("toy_done_total", "counter", "requests", "Requests that are finished."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """The next step: whose prompt it computes, None if all seats decode; its end."""

    prompt: Request | None
    end: float


class ToyEngine(Server):
    """One toy server; implements `scalecert.engines.base.Engine`."""

    def __init__(
        self, limits: Limits, costs: StepCosts, log: RequestLog, *, ordinal: int, now: float
    ) -> None:
        self.seats = limits.integer("seats")
        longest = request_limits(limits)
        super().__init__(costs, log, now, self.seats, ordinal=ordinal, longest=longest)
        self.prompts = self.prompt_tokens = self.decode_tokens = self.done = 0

    def advance(self, until_seconds: float) -> None:
        """Take all steps that end by then; one that would begin then waits for who may come."""
        while self.end <= until_seconds - 2 * TIE_SECONDS:
            step = self._next(until_seconds - 2 * TIE_SECONDS)
            if step is None or step.end > until_seconds + TIE_SECONDS:
                break
            self._take(step)
        self.forget_arrivals()
        self.now = until_seconds

    def outstanding(self) -> int:
        """Return who has arrived and is not finished."""
        return len(self.running) + len(self.pending) - self.coming()

    def next_finish_seconds(self) -> float:
        """Return the next step's end, or a part of it: nobody finishes before."""
        if not self._busy():
            return self._seen() + self.costs.weights_seconds
        step = self._next(self.now)
        return inf if step is None else step.end

    def next_event_seconds(self) -> float:
        """Return the same: nobody is refused later than at once."""
        return self.next_finish_seconds()

    def progress(self) -> dict[int, int]:
        """Return what has been sent of each answer."""
        return dict(self.decoded())

    def cancel(self, ids: Iterable[int]) -> None:
        """Let requests leave with the step in flight, at once if they are not in it."""
        gone = set(ids) - self.cancelled
        prompt = self._prompt_in_flight()
        if prompt is not None and prompt[1] in gone:
            # Its prompt is computed to the end, and makes one token.
            self.cancelled.add(prompt[1])
            self.pending[0] = (*prompt[:3], 1)
            gone.remove(prompt[1])
        self.withdraw(gone)
        for serial in [serial for serial, one in self.running.items() if one[1] in gone]:
            self.cut_short(serial)

    def forget_finished(self) -> None:
        """Do nothing: what finishes is counted, and forgotten, at once."""

    def abort(self) -> list[int]:
        """Drop everyone."""
        lost = [request[1] for request in self.running.values()]
        lost += [request[1] for request in self.pending]
        self.log.abort(lost)
        self.end = self.now if self._busy() else self.end
        self.forget_requests()
        self.settle()
        self.anchor()
        return lost

    def samples(self, names: Sequence[str]) -> dict[str, list[Sample]]:
        """Return what `/metrics` shows."""
        shown = {
            "toy_seats_taken": len(self.running),
            "toy_queue": self.outstanding() - len(self.running),
            "toy_done_total": self.done,
        }
        return {name: [Sample(name, {}, float(shown[name]))] for name in names if name in shown}

    def activity(self) -> Activity:
        """Return what it has done."""
        until = self.now if self._busy() else self.end
        return Activity(
            busy_seconds=until - self.started - self.idle_seconds,
            steps=self.step + self.prompts,
            computed_tokens=self.prompt_tokens + self.decode_tokens,
            context_read_tokens=self.context_read_now(),
            held_tokens=self.context_now(),
        )

    def _seen(self) -> float:
        """Return when the first in the queue came, or will come, to it; inf if nobody waits."""
        return self.pending[0][0] + self.costs.arrival_seconds if self.pending else inf

    def _busy(self) -> bool:
        return bool(self.running) or self._seen() <= self.end + TIE_SECONDS

    def _prompt_in_flight(self) -> Request | None:
        """Return the request whose prompt is being computed."""
        step = self._next(self.now) if self.now > self.end + 2 * TIE_SECONDS else None
        return None if step is None else step.prompt

    def _next(self, settled: float) -> Step | None:
        """Return the next step; None if nobody is there who came by `settled`."""
        if not self._busy():
            if self._seen() > settled or not self.pending:
                return None
            self.idle_until(self._seen())
        if len(self.running) < self.seats and self._seen() <= self.end + TIE_SECONDS:
            tokens = self.pending[0][2]
            seconds = self.costs.mixed_seconds(tokens, tokens * tokens / 2, 1, 0, 0)
            return Step(self.pending[0], self.end + seconds)
        return Step(None, self.end_after(self.step - self.anchor_step + 1))

    def _take(self, step: Step) -> None:
        begin, self.end = self.end, step.end
        if step.prompt is None:
            self.decode_tokens += self.decoding
            self.step += 1
        self.settle()
        if step.prompt is not None:
            self._seat(self.pending.popleft(), begin)
        self.finish_due(self.end + self.delivery_seconds)
        self.anchor()
        self.done += len(self.finished)
        self.finished.clear()

    def _seat(self, waiting: Request, begin: float) -> None:
        """Let a request decode whose prompt was computed in the step that began at `begin`."""
        request = (*waiting, begin)
        self.prompts += 1
        self.prompt_tokens += waiting[2]
        self.sample_first(request, self.end + self.delivery_seconds)
        serial = self.seat(request)
        if waiting[3] > 1:
            self.join(serial, request, waiting[2])
        else:
            self.finish(serial, self.end + self.delivery_seconds)


def request_limits(limits: Limits) -> RequestLimits:
    """Return the longest requests."""
    longest = limits.integer("longest_request")
    return RequestLimits(longest - 1, longest - 1, longest, "--longest-request")


class ToyKind:
    """The toy as an engine kind."""

    name = "toy"
    default_port = 7000
    exits_when_idle = True
    health_path = "/alive"
    profile_limits: type[DocumentPart] = ToyProfileLimits

    def recognises(self, image: str) -> bool:
        """Tell whether an image is a toy server."""
        return image_path(image).endswith("toy-server")

    def is_started_by(self, words: Sequence[str]) -> bool:
        """Tell whether a command line starts one."""
        return "toy-server" in words

    def version_of(self, image: str) -> str | None:
        """Return the tag's version."""
        return version_of_image(image)

    def limits(
        self,
        profile: EngineProfile,
        args: Sequence[str],
        env: Mapping[str, str],
        *,
        version: str | None = None,
    ) -> Limits:
        """Return the profile's limits with those of `--seats`, as far as the memory goes."""
        given = profile.limits_as(ToyProfileLimits)
        found = parse_flags(args, {"--seats": counted("seats")})
        seats = int(found.get("seats", given.seats))
        most = max(given.kv_tokens // given.longest_request, 1)
        values = {
            "seats": min(seats, most),
            "longest_request": given.longest_request,
            "kv_tokens": given.kv_tokens,
        }
        return Limits(values, dict.fromkeys(values, "profile") | dict.fromkeys(found, "args"))

    def estimate(self, model: ModelShape, accelerator: Accelerator, *, count: int) -> EngineProfile:
        """Return the roofline's costs with the toy's limits."""
        check_count(model, count)
        memory = estimate_memory(model, accelerator, count=count)
        replica = AcceleratorCount(accelerator.name, count)
        room = kv_room_tokens(memory, replica, utilization=0.9, step_tokens=512, block_size=1)
        return estimated_profile(
            self.name,
            VERSION,
            model,
            accelerator,
            count=count,
            costs=estimate_costs(model, accelerator, count=count),
            memory=memory,
            limits=ToyProfileLimits(longest_request=min(512, room), kv_tokens=room),
        )

    def metrics_endpoint(self, words: Sequence[str], env: Mapping[str, str]) -> MetricsEndpoint:
        """Return the API's port."""
        return MetricsEndpoint(self.default_port)

    def client(self, words: Sequence[str], env: Mapping[str, str]) -> ApiClient:
        """Return that it streams lines of `token` to who sends a prompt and a number."""
        call = Call(
            path="/ask",
            before=b"",
            word=b"word ",
            between=b"\n",
            after=b"\n",
            piece_end=b"\n",
            token=b"token",
        )
        return ApiClient(port=self.default_port, streamed=call, whole=call)

    def costly_flags(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return none."""
        return ()

    def request_limits(self, limits: Limits) -> RequestLimits:
        """Return the longest requests."""
        return request_limits(limits)

    def drain_seconds(self, limits: Limits) -> float:
        """Return that it works on until it is killed."""
        return inf

    def model_of(self, words: Sequence[str], env: Mapping[str, str]) -> tuple[str, str] | None:
        """Return the value of `--model`."""
        named = last_value(words, ("--model",))
        return (named, "args") if named else None

    def served_name(self, words: Sequence[str], env: Mapping[str, str]) -> str | None:
        """Return that no metric names a model."""
        return None

    def metrics(self, version: str | None) -> Mapping[str, MetricInfo]:
        """Return every family."""
        return families_in(version or VERSION, FAMILIES)

    def replaced_by(self, name: str, version: str | None) -> str | None:
        """Return that no metric was ever renamed."""
        return None

    def start(
        self,
        profile: EngineProfile,
        limits: Limits,
        log: RequestLog,
        *,
        ordinal: int,
        model_name: str,
        now: float,
    ) -> ToyEngine:
        """Return an idle server."""
        return ToyEngine(limits, profile.spec.costs, log, ordinal=ordinal, now=now)


KIND: EngineKind = ToyKind()
