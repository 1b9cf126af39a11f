"""Mutations: a sound recording with one thing gone wrong, and everything that follows from it.

Each is a pure function of a recording. What it changes stays consistent: an answer that begins
later ends later, a run that ends earlier ends for all series. What it does not name stays as it
was, so that a table can say which checks must notice and which must not. `pod_mutations` has those
of replicas.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

from scalecert.engines.request_log import Status
from scalecert.recording.intervals import Span, inside
from scalecert.recording.model import Recording
from scalecert.recording.plan import ClairvoyantMinimum, FluidMinimum
from scalecert.units import Duration

Change = Callable[[Recording], Recording]
Bins = TypeVar("Bins", FluidMinimum, ClairvoyantMinimum)


def then(*changes: Change) -> Change:
    """Return the changes as one, in order."""

    def all_of_them(recording: Recording) -> Recording:
        for change in changes:
            recording = change(recording)
        return recording

    return all_of_them


def with_plan(recording: Recording, **changes: Any) -> Recording:
    """Return the recording with fields of its plan replaced."""
    return dataclasses.replace(recording, plan=msgspec.structs.replace(recording.plan, **changes))


def with_series(recording: Recording, **series: Any) -> Recording:
    """Return the recording with series replaced; write `__` for the dot."""
    changed = {name.replace("__", "."): values for name, values in series.items()}
    return dataclasses.replace(recording, series={**recording.series, **changed})


def with_requests(recording: Recording, **columns: Any) -> Recording:
    """Return the recording with request columns replaced."""
    return dataclasses.replace(recording, requests={**recording.requests, **columns})


# Requests


def whole_run(recording: Recording) -> Span:
    """Return the span that holds every request."""
    return Span(-np.inf, np.inf)


def window(recording: Recording) -> Span:
    """Return the span of the plan's first window."""
    first = recording.plan.windows[0]
    return Span(first.start_seconds, first.end_seconds)


def after_window(recording: Recording) -> Span:
    """Return the two minutes after the plan's first window."""
    end = recording.plan.windows[0].end_seconds
    return Span(end, end + 120.0)


def short_answers(recording: Recording, share: float, span: Span) -> np.ndarray:
    """Return which requests are this share of a span's, those with the shortest answers."""
    within = np.flatnonzero(inside(recording.requests["arrival_seconds"], [span]))
    order = np.argsort(recording.requests["output_tokens"][within], kind="stable")
    chosen = np.zeros(recording.requests["output_tokens"].size, dtype=bool)
    chosen[within[order[: round(share * within.size)]]] = True
    return chosen


def wait_longer(
    seconds: float, *, share: float = 1.0, of: Callable[[Recording], Span] = whole_run
) -> Change:
    """Return the change that holds requests back in the queue, before their first token.

    Of those that arrive in a span, a share: the ones with the shortest answers.
    """

    def change(recording: Recording) -> Recording:
        delay = np.where(short_answers(recording, share, of(recording)), seconds, 0.0)
        return with_requests(
            recording,
            scheduled_seconds=recording.requests["scheduled_seconds"] + delay,
            first_token_seconds=recording.requests["first_token_seconds"] + delay,
            last_token_seconds=recording.requests["last_token_seconds"] + delay,
        )

    return change


def prefill_slower(seconds: float, *, share: float) -> Change:
    """Return the change after which a share of the requests computes its prompt for longer."""

    def change(recording: Recording) -> Recording:
        longer = wait_longer(seconds, share=share)(recording)
        return with_requests(longer, scheduled_seconds=recording.requests["scheduled_seconds"])

    return change


def server_clocks_ahead(seconds: float) -> Change:
    """Return the change of what servers, and no client, say the time of."""

    def change(recording: Recording) -> Recording:
        scheduled = recording.requests["scheduled_seconds"] + seconds
        return with_requests(recording, scheduled_seconds=scheduled)

    return change


def decode_slower(factor: float, *, share: float) -> Change:
    """Return the change that stretches the answers of a share of the requests."""

    def change(recording: Recording) -> Recording:
        first = recording.requests["first_token_seconds"]
        chosen = short_answers(recording, share, whole_run(recording))
        factors = np.where(chosen, factor, 1.0)
        last = first + (recording.requests["last_token_seconds"] - first) * factors
        return with_requests(recording, last_token_seconds=last)

    return change


def lose(chosen: slice, status: Status, *, before_first_token: bool = False) -> Change:
    """Return the change after which some requests never end, or never begin to be answered."""

    def change(recording: Recording) -> Recording:
        columns = {name: column.copy() for name, column in recording.requests.items()}
        columns["status"][chosen] = status
        columns["last_token_seconds"][chosen] = np.nan
        columns["scheduled_seconds"][chosen] = np.nan
        if before_first_token:
            columns["first_token_seconds"][chosen] = np.nan
        return with_requests(recording, **columns)

    return change


def lose_in_window(recording: Recording) -> Recording:
    """Abort three requests that arrive within the plan's first window."""
    start = recording.plan.windows[0].start_seconds
    first = int(np.searchsorted(recording.requests["arrival_seconds"], start)) + 100
    return lose(slice(first, first + 3), Status.ABORTED)(recording)


def keep_every(nth: int) -> Change:
    """Return the change that offers only every nth request: a load that is this much lower."""

    def change(recording: Recording) -> Recording:
        plan = recording.plan
        columns = {name: column[::nth].copy() for name, column in recording.requests.items()}
        count = len(columns["arrival_seconds"])
        fewer = dataclasses.replace(recording, requests=columns)
        return with_plan(fewer, load=msgspec.structs.replace(plan.load, requests=count))

    return change


def send_late(delay_seconds: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Return the change that sends requests late, by a function of their arrivals."""

    def change(recording: Recording) -> Recording:
        arrivals = recording.requests["arrival_seconds"]
        return with_requests(recording, sent_seconds=arrivals + delay_seconds(arrivals))

    return change


def every(nth: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function with this value for every nth entry and 0 for others."""
    return lambda entries: np.where(np.arange(entries.size) % nth == 0, value, 0.0)


# Signals


def signal_values(compute: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Return the change that replaces the values of the policy's first metric."""

    def change(recording: Recording) -> Recording:
        values = recording.series["sync.metric.0.value"].astype(float)
        return with_series(recording, sync__metric__0__value=compute(values))

    return change


def signal_plan(**changes: Any) -> Change:
    """Return the change of what is known of the policy's first metric without running anything."""

    def change(recording: Recording) -> Recording:
        first, *others = recording.plan.signals
        return with_plan(recording, signals=(msgspec.structs.replace(first, **changes), *others))

    return change


# The run


def stop_recording_at(seconds: float) -> Change:
    """Return the change after which nothing but requests was recorded from a time on."""

    def change(recording: Recording) -> Recording:
        return dataclasses.replace(recording, series=_series_until(recording.series, seconds))

    return change


def without_series(*prefixes: str) -> Change:
    """Return the change after which the recording lacks the series of these names."""

    def change(recording: Recording) -> Recording:
        kept = {
            name: values
            for name, values in recording.series.items()
            if not name.startswith(prefixes)
        }
        return dataclasses.replace(recording, series=kept)

    return change


def without_column(name: str) -> Change:
    """Return the change after which the request log lacks a column."""

    def change(recording: Recording) -> Recording:
        kept = {key: column for key, column in recording.requests.items() if key != name}
        return dataclasses.replace(recording, requests=kept)

    return change


def canary(compute: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Return the change of the harness's own heartbeats, on every path."""

    def change(recording: Recording) -> Recording:
        beats = {
            name: compute(values.astype(float))
            for name, values in recording.series.items()
            if name.startswith("sync.canary.")
        }
        return dataclasses.replace(recording, series={**recording.series, **beats})

    return change


def end_at(seconds: float) -> Change:
    """Return the change after which the run, its load and everything seen of it end earlier."""

    def change(recording: Recording) -> Recording:
        plan = recording.plan
        early = recording.requests["arrival_seconds"] < seconds
        requests = {name: column[early] for name, column in recording.requests.items()}
        segments = tuple(
            msgspec.structs.replace(part, end_seconds=min(part.end_seconds, seconds))
            for part in plan.load.segments
            if part.start_seconds < seconds
        )
        spec = msgspec.structs.replace(plan.scenario.spec, duration=Duration(seconds))
        cut = dataclasses.replace(
            recording,
            series=_series_until(recording.series, seconds),
            requests=requests,
            events=tuple(one for one in recording.events if float(one["time"]) < seconds),
        )
        return with_plan(
            cut,
            scenario=msgspec.structs.replace(plan.scenario, spec=spec),
            load=msgspec.structs.replace(
                plan.load, segments=segments, requests=int(np.count_nonzero(early))
            ),
            fluid_minimum=_bins_until(plan.fluid_minimum, seconds),
            clairvoyant_minimum=_bins_until(plan.clairvoyant_minimum, seconds),
        )

    return change


def _bins_until(minimum: Bins, seconds: float) -> Bins:
    bins = minimum.replicas[: int(seconds // minimum.bin_seconds)]
    return msgspec.structs.replace(minimum, replicas=bins)


def _series_until(series: Mapping[str, np.ndarray], seconds: float) -> dict[str, np.ndarray]:
    kept = {}
    for name, values in series.items():
        axis = series[f"{name.partition('.')[0]}.time_seconds"]
        kept[name] = values[axis <= seconds]
    return kept
