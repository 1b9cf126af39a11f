"""Cost efficiency (T/$): how many tokens the accelerators that a scenario held served per dollar.

Measured and not judged: what it is worth depends on model, sizes, load and objective, so that two
certificates compare only where these are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scalecert.certificate.parts import CertificatePart
from scalecert.recording.runs import Bill, RecordedRun


class Efficiency(CertificatePart, frozen=True, kw_only=True):
    """Tokens per unit of `currency` (ISO 4217), of the first run; lowest and highest of all runs.

    It is `tokens` / `cost`: input and output tokens of the answered requests, by what
    `accelerator_hours` cost at the price per hour.
    """

    tokens_per_currency_unit: float
    lowest: float
    highest: float
    currency: str
    cost: float
    accelerator_hours: float
    tokens: int


def efficiencies(runs: Iterable[RecordedRun]) -> dict[str, Efficiency]:
    """Return it by scenario; a scenario without a price, or whose first run paid nothing, has none.

    Args:
        runs: of each scenario the first run first.
    """
    grouped: dict[str, list[Bill | None]] = {}
    for run in runs:
        grouped.setdefault(run.plan.scenario.metadata.name, []).append(run.bill)
    found = {name: _efficiency(bills) for name, bills in grouped.items()}
    return {name: one for name, one in found.items() if one is not None}


def _efficiency(bills: Sequence[Bill | None]) -> Efficiency | None:
    first = bills[0]
    all_runs = [bill.tokens_per_currency_unit for bill in bills if bill is not None]
    known = [figure for figure in all_runs if figure is not None]
    if first is None or first.tokens_per_currency_unit is None:
        return None
    return Efficiency(
        tokens_per_currency_unit=first.tokens_per_currency_unit,
        lowest=min(known),
        highest=max(known),
        currency=first.currency,
        cost=first.cost,
        accelerator_hours=first.accelerator_hours,
        tokens=first.tokens,
    )
