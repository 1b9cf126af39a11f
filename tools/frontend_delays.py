"""Delays around an engine's steps, from requests matched with the steps that took them.

Part of `tools/fit_profile.py`: what a request waits for until the scheduler can see it, what its
first token waits for after its step, and what a step costs more after an idle time.
"""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]

LONGEST_WAIT_SECONDS = 0.15
"""Between a request's send and its step; below saturation it is ten times less."""
BUSY_SECONDS = 0.05
"""Steps scheduled further apart than this have an idle time between them."""


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

    Least squares over medians by batch size, which late scrapes and hiccups do not move.
    """
    late, batch = matches[:, 2], matches[:, 3]
    sizes, counts = np.unique(batch, return_counts=True)
    sizes = sizes[counts >= 5]
    medians = np.array([np.median(late[batch == size]) for size in sizes])
    slope, base = np.polyfit(sizes - 1, medians, 1)
    return float(base), float(slope)


def schedule_lag_seconds(steps: Columns) -> float:
    """Return the median time from a result to the schedule of the second next step."""
    lag = steps["t_sched"][2:] - steps["t_res"][:-2]
    return float(np.median(lag[(lag > 0) & (lag < BUSY_SECONDS)]))


def start_seconds(steps: Columns, predicted_seconds: np.ndarray) -> float:
    """Return what a step takes beyond its costs when nothing ran before it, as a median."""
    idle = np.r_[True, steps["t_sched"][1:] >= steps["t_res"][:-1]] & (steps["dec_reqs"] == 0)
    late = steps["t_res"] - steps["t_sched"] - predicted_seconds
    return float(np.median(late[idle & (steps["pf_reqs"] == 1)]))
