"""Delays around an engine's steps, from requests matched with the steps that took them.

Part of `tools/fit_profile.py`: what a request waits for until the scheduler can see it, what its
first token waits for after its step, what a step costs more after an idle time, and what the CPU
does for every request of a step.
"""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]

LONGEST_WAIT_SECONDS = 0.15
"""Between a request's send and its step; below saturation it is ten times less."""
BUSY_SECONDS = 0.05
"""Steps scheduled further apart than this have an idle time between them."""
SHORT_PROMPT_TOKENS, LONG_PROMPT_TOKENS = 256, 1024
"""Computing no more than the first takes no longer than launching the next step does; beyond the
second, how cool the card is matters more than what is sought here."""


def match(steps: Columns, requests: Columns, start: float) -> np.ndarray:
    """Match steps that took one new request with the only request of that length then due.

    Returns:
        One row a match: seconds from send to scheduling, seconds since the schedule before,
        seconds from result to client, requests in the step.
    """
    sent, first = requests["t_send"] + start, requests["t_first"] + start
    alone = (steps["new"] == 1) & (steps["pf_reqs"] == 1) & (steps["ctx_pf"] == 0)
    found = []
    for k in np.flatnonzero(alone)[1:]:
        scheduled, result = steps["t_sched"][k], steps["t_res"][k]
        due = (sent < scheduled) & (sent > scheduled - LONGEST_WAIT_SECONDS) & (first > result)
        candidates = np.flatnonzero(due & (requests["in_tok"] == steps["pf_toks"][k]))
        if len(candidates) == 1:
            one = candidates[0]
            gap = scheduled - steps["t_sched"][k - 1]
            found.append(
                (scheduled - sent[one], gap, first[one] - result, steps["dec_reqs"][k] + 1)
            )
    return np.array(found).reshape(-1, 4)


def arrival_seconds(matches: np.ndarray, schedule_lag_seconds: float) -> float:
    """Return the delay from the client's send until a request counts for the next step.

    A request waits for half the gap between two schedules on average, whatever their length; a
    step is composed `schedule_lag_seconds` after the result that makes room for it.
    """
    waited, gap = matches[:, 0], matches[:, 1]
    busy = gap < BUSY_SECONDS
    return float((waited - gap / 2)[busy].mean()) - schedule_lag_seconds


def delivery_seconds(matches: np.ndarray) -> tuple[float, float]:
    """Return (seconds, seconds per other request of the step) from a result to the client.

    Least squares of relative errors over medians by batch size, which late scrapes and hiccups
    do not move.
    """
    late, batch = matches[:, 2], matches[:, 3]
    sizes, counts = np.unique(batch, return_counts=True)
    sizes = sizes[counts >= 5]
    medians = np.array([np.median(late[batch == size]) for size in sizes])
    slope, base = np.polyfit(sizes - 1, medians, 1, w=1 / medians)
    return float(base), float(slope)


def schedule_lag_seconds(steps: Columns) -> float:
    """Return the median time from a result to the schedule of the second next step."""
    lag = steps["t_sched"][2:] - steps["t_res"][:-2]
    return float(np.median(lag[(lag > 0) & (lag < BUSY_SECONDS)]))


def start_seconds(steps: Columns, predicted_seconds: np.ndarray) -> tuple[float, float]:
    """Return (seconds beyond its costs, least seconds) of a step when nothing ran before it.

    Medians: the first over lone prompts of middle size, the second over lone short ones.
    """
    idle = np.r_[True, steps["t_sched"][1:] >= steps["t_res"][:-1]] & (steps["dec_reqs"] == 0)
    lone = idle & (steps["pf_reqs"] == 1)
    short = steps["pf_toks"] <= SHORT_PROMPT_TOKENS
    middle = ~short & (steps["pf_toks"] <= LONG_PROMPT_TOKENS)
    seconds = steps["t_res"] - steps["t_sched"]
    beyond = float(np.median((seconds - predicted_seconds)[lone & middle]))
    return beyond, float(np.median(seconds[lone & short]))


def cpu_request_seconds(steps: Columns) -> float:
    """Return what the engine's CPU spends on every request of a decode step beside its launch.

    From a result to the schedule of the second next step it updates and schedules all of them;
    the slope over medians by batch size.
    """
    spent = steps["t_sched"][2:] - steps["t_res"][:-2]
    batch = steps["dec_reqs"][:-2]
    alone = (steps["pf_reqs"][:-2] == 0) & (spent > 0) & (spent < BUSY_SECONDS)
    sizes, counts = np.unique(batch[alone], return_counts=True)
    sizes = sizes[counts >= 5]
    medians = [np.median(spent[alone & (batch == size)]) for size in sizes]
    return float(np.polyfit(sizes, medians, 1)[0])


def arrival_request_seconds(steps: Columns, requests: Columns, start: float, token: float) -> float:
    """Return what the API server spends on each request of a burst.

    From the first send until the last request is scheduled it does nothing else, but for the
    tokens of requests that run already, which take `token` seconds each.
    """
    inside = (steps["t_sched"] >= start) & (steps["t_sched"] <= start + requests["t_last"].max())
    last = np.flatnonzero(inside & (steps["new"] > 0))[-1]
    until = steps["t_sched"][last]
    done = inside & (steps["t_res"] < until)
    tokens = (steps["dec_reqs"] + steps["pf_reqs"])[done].sum()
    sent = start + requests["t_send"].min()
    return float((until - sent - token * tokens) / len(requests["t_send"]))
