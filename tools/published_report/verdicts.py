"""Is a published claim reproduced? Student's interval of a figure's paired differences over seeds.

Every arm of an experiment is run with the same seeds, so with the same requests at the same times;
the differences of two arms leave out what the seeds have in common.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CONFIDENCE = 0.95
_HALVINGS = 60
"""Of the angle; a double has no more digits."""


class Outcome(StrEnum):
    """What the seeds say of a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its confidence interval; `count` values are behind it."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Expected:
    """Where the source expects a difference to be: an open range."""

    low: float = -math.inf
    high: float = math.inf

    def judge(self, found: Interval | None) -> Outcome:
        """Return reproduced if the interval lies within, not reproduced if all of it is outside."""
        if found is None:
            return Outcome.UNDECIDED
        if self.low < found.low and found.high < self.high:
            return Outcome.REPRODUCED
        if found.high <= self.low or self.high <= found.low:
            return Outcome.NOT_REPRODUCED
        return Outcome.UNDECIDED


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return mean -+ t s / sqrt(n), s the sample's standard deviation, t Student's of n - 1.

    None if a value is missing (not finite) or there are fewer than two: nothing follows then.
    """
    count = len(values)
    if count < 2 or not all(map(math.isfinite, values)):
        return None
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = student_quantile((1 + confidence) / 2, count - 1) * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half, count)


def student_quantile(probability: float, freedom: int) -> float:
    """Return Student's quantile: where the distribution reaches `probability`, 0.5 to below 1.

    Found by halving the angle atan(t / sqrt(freedom)) of `central_probability`.
    """
    wanted = 2 * probability - 1
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, freedom) < wanted else (low, middle)
    return math.tan(low) * math.sqrt(freedom)


def central_probability(t: float, freedom: int) -> float:
    """Return the probability that Student's variable lies between -t and t, exactly.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4: finite
    series in cos(theta), theta = atan(t / sqrt(freedom)), for odd and even degrees of freedom.
    """
    return _central(math.atan(t / math.sqrt(freedom)), freedom)


def _central(angle: float, freedom: int) -> float:
    odd = freedom % 2
    cosine = math.cos(angle)
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for index in range(2 + odd, freedom - 1, 2):
        term *= (index - 1) / index * cosine**2
        total += term
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
