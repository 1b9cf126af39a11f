"""How many late requests tell a quantile from its limit: the binomial rule of early stopping.

`p95 <= 2 s` says that at most 5 % of all requests that could come are later than 2 s; a run sees
some of them. With n of them judged, the quantile keeps its limit with 99 % confidence if no more
are late than a share of 5 % would leave in one run of a hundred, and misses it if no fewer are than
it would bring in one of a hundred; in between the run can't tell. Below `requests_needed` it is not
asked at all: there must be room for one late request. It is the rule of MLPerf's LoadGen
(mlcommons/inference, loadgen/early_stopping.cc and results.cc: confidence 0.99, tolerance 0; at
least 64 requests for p90 and 662 for p99), which has its passing half only.

The rule counts requests as independent. They are not: those behind one queue are late together, so
that a run says less than its number of requests, and the rule is the least that is asked. What a
queue adds is seen by running the scenario with other seeds, not by a formula.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scalecert.checks.finding import Verdict
from scalecert.recording.quantiles import Floats

CONFIDENCE = 0.99
"""LoadGen's; the chance of a wrong word is 1 % on either side."""

_DEVIATIONS = 2.326
"""Of a normal distribution, 1 % lies beyond."""


@lru_cache(maxsize=64)
def requests_needed(q: float) -> int:
    """Return the fewest requests that can show a quantile: of them one may be late.

    The smallest n with P(Bin(n, 1 - q) <= 1) <= 0.01. 1 for a share of all requests or of none,
    which is no estimate: it asks for a count.
    """
    if not 0 < q < 1:
        return 1
    low, high = 1, 2
    while _at_most_one_late(high, q) > 1 - CONFIDENCE:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = _at_most_one_late(middle, q) <= 1 - CONFIDENCE
        low, high = (low, middle) if enough else (middle, high)
    return high


def _at_most_one_late(requests: int, q: float) -> float:
    return math.exp((requests - 1) * math.log(q)) * (q + requests * (1 - q))


@lru_cache(maxsize=4096)
def most_late_for_a_pass(requests: int, q: float) -> int:
    """Return how many of n requests may be late where the quantile keeps its limit for sure.

    The largest t with P(Bin(n, 1 - q) <= t) <= 0.01; -1 if not even 0 is that rare.

    Raises:
        ValueError: for no requests, or q outside 0 < q < 1.
    """
    first, cumulative = _cumulative(requests, 1 - _checked(q))
    return first - 1 + int(np.searchsorted(cumulative, 1 - CONFIDENCE, side="right"))


def fewest_late_for_a_fail(requests: int, q: float) -> int:
    """Return how many of n requests must be late where the quantile misses its limit for sure.

    The smallest t with P(Bin(n, 1 - q) >= t) <= 0.01, by symmetry n minus the most requests on
    time that are as rare; n + 1 if not even n is.

    Raises:
        ValueError: for no requests, or q outside 0 < q < 1.
    """
    return requests - most_late_for_a_pass(requests, 1 - _checked(q))


def _checked(q: float) -> float:
    if not 0 < q < 1:
        raise ValueError(f"found quantile {q}, expected 0 < q < 1")
    return q


def _cumulative(n: int, p: float) -> tuple[int, Floats]:
    """Return a number k and P(Bin(n, p) <= k), <= k + 1, ...: all that is not 0 or 1 in double.

    Each count's weight is that of the most likely one times the ratios of neighbours,
    (n - k + 1) p / (k (1 - p)); they sum to 1. No factorial is needed, and what lies 40 deviations
    from the middle has no weight, so that a million requests take milliseconds.
    """
    if n < 1:
        raise ValueError(f"found {n} requests, expected 1 or more")
    mode = min(n, int((n + 1) * p))
    reach = math.ceil(40 * math.sqrt(n * p * (1 - p))) + 100
    first, last = max(0, mode - reach), min(n, mode + reach)
    counts = np.arange(first + 1, last + 1, dtype=np.float64)
    steps = np.log((n - counts + 1) / counts * (p / (1 - p)))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    weights = np.exp(logs - logs[mode - first])
    return first, np.asarray(np.cumsum(weights) / weights.sum())


@dataclass(frozen=True, slots=True)
class LateCount:
    """How many requests were later than a limit that a share `q` of them has to keep."""

    late: int
    requests: int
    q: float

    @property
    def enough(self) -> bool:
        """Whether there are enough requests to ask at all."""
        return self.requests >= self.needed

    @property
    def needed(self) -> int:
        """The fewest requests that can show the quantile."""
        return requests_needed(self.q)

    @property
    def bounds(self) -> tuple[int, int]:
        """The most late requests of a sure pass, and the fewest of a sure failure."""
        if not 0 < self.q < 1:
            allowed = math.floor((1 - self.q) * self.requests)
            return allowed, allowed + 1
        most = most_late_for_a_pass(self.requests, self.q)
        return most, fewest_late_for_a_fail(self.requests, self.q)

    @property
    def verdict(self) -> Verdict:
        """What the count shows with 99 % confidence."""
        if not self.enough:
            return Verdict.INCONCLUSIVE
        most, fewest = self.bounds
        if self.late <= most:
            return Verdict.PASS
        return Verdict.FAIL if self.late >= fewest else Verdict.INCONCLUSIVE

    def doubt(self, name: str) -> str:
        """Return why the run can't tell, in words; only for an inconclusive count."""
        if not self.enough:
            return f"{self.requests:,} requests were judged, {name} needs {self.needed:,}"
        return (
            f"{self.late:,} of {self.requests:,} requests were late, {name} can't be told from its"
            " limit with 99 % confidence"
        )

    def to_decide(self) -> str:
        """Return what would make an inconclusive count conclusive."""
        if not self.enough:
            return (
                f"judge {self.needed - self.requests:,} more requests: a longer scenario, or a"
                " higher rate"
            )
        most, fewest = self.bounds
        better = f"at most {most:,} late would pass, {fewest:,} fail"
        more = self.more_requests()
        return f"about {more:,} more requests like these would tell; {better}" if more else better

    def more_requests(self) -> int | None:
        """Return how many more requests decide, two digits; None: their share is the limit's own.

        Where the share of late ones stays, by the normal approximation: the distance d to the limit
        is n d late requests, and chance makes of it 2.326 sqrt(n q (1 - q)); two requests more, for
        the whole numbers and the skew of the binomial distribution.
        """
        distance = abs(self.late / self.requests - (1 - self.q))
        if distance * self.requests < 0.5:
            return None
        noise = _DEVIATIONS * math.sqrt(self.q * (1 - self.q))
        root = (noise + math.sqrt(noise**2 + 8 * distance)) / (2 * distance)
        more = max(1.0, root**2 - self.requests)
        digits = 10.0 ** max(0, math.floor(math.log10(more)) - 1)
        return int(math.ceil(more / digits) * digits)
