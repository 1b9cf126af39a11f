"""The bill of a run: the accelerators that it held, what they cost, and the tokens they served."""

from __future__ import annotations

import numpy as np

from scalecert.checks.finding import finite
from scalecert.checks.registry import NoDataError
from scalecert.checks.requests import column, served
from scalecert.checks.timeline import replicas, run
from scalecert.checks.wholeness import recording_gap
from scalecert.recording.model import Recording
from scalecert.recording.runs import Bill


def accelerator_hours(recording: Recording) -> float:
    """Return the hours for which accelerators were bound to replicas, terminating ones too.

    Raises:
        NoDataError: if the recording has no pods.
    """
    plan = recording.plan
    held = replicas(recording, "bound").integral(run(plan)) / 3600
    return held * plan.engine.accelerators_per_replica


def cost(recording: Recording) -> float | None:
    """Return what these hours cost, in the plan's currency; None without a price.

    Raises:
        NoDataError: if the recording has no pods.
    """
    price = recording.plan.price_per_hour
    return None if price is None else accelerator_hours(recording) * price


def bill(recording: Recording) -> Bill | None:
    """Return the bill; None where there is no price, or the recording is not whole.

    Its tokens are input and output of the requests that were answered to their last token.
    """
    try:
        hours, paid = finite(accelerator_hours(recording)), cost(recording)
        tokens = finite(_tokens(recording))
    except NoDataError:
        return None
    spent = None if paid is None else finite(paid)
    if hours is None or spent is None or tokens is None or recording_gap(recording):
        return None
    return Bill(
        accelerator_hours=hours, cost=spent, currency=recording.plan.currency, tokens=int(tokens)
    )


def _tokens(recording: Recording) -> float:
    answered = served(recording)
    sizes = column(recording, "input_tokens") + column(recording, "output_tokens")
    return float(np.sum(sizes[answered]))
