"""Hold the guard band to runs that it did not make: how often does one break a pass?

    python tools/guard_band_study.py [--points 20] [--jobs 2] [--scenario steady ...] [POLICY...]

Each policy's guard band is run and judged, scenario by scenario of suite core; then three sets of
`--points` further runs:

    seeds    arrivals of other seeds, at the profile's own costs
    box      other seeds, prefill, decode and start-up drawn apart and uniformly within the
             profile's errors, load in units of such a server's own capacity as in the guard band
    load     the same servers, offered what the profile's would be: the same requests per second

A run is held against core findings alone. Prints a row per policy and what it found, as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from scalecert import pipeline
from scalecert.checks.band import Judged
from scalecert.checks.finding import Finding, Verdict
from scalecert.checks.guard import guarded
from scalecert.planning.prepare import prepare
from scalecert.recording.plan import Variation
from scalecert.recording.variations import PARTS, SEEDS, guard_band, nominal
from scalecert.rng import stream
from scalecert.suite import find_suite
from scalecert.worlds.sim import SimWorld

POLICIES = Path(__file__).resolve().parents[1] / "fixtures" / "policies"
OBJECTIVE = "ttft_p95=2s,tpot_p95=100ms"
STUDIED = (
    ("vllm-num-requests-running.yaml", OBJECTIVE),
    ("vllm-kv-cache-usage.yaml", OBJECTIVE),
    ("vllm-num-requests-waiting.yaml", OBJECTIVE),
    ("known_bad/vllm-short-window.yaml", OBJECTIVE),
    ("vllm-h200-num-requests-running.yaml", OBJECTIVE),
    ("vllm-h200-num-requests-running.yaml", "ttft_p95=100ms,tpot_p95=11ms"),
)
"""Good and bad ones, on estimated and measured profiles; the last one's objective is tight."""
SETS = ("seeds", "box", "load")


@dataclass(frozen=True, slots=True)
class Studied:
    """One policy under one objective."""

    policy: str
    objective: str

    @property
    def name(self) -> str:
        """What the row is called."""
        return f"{Path(self.policy).stem}, {self.objective}"

    def subject(self) -> pipeline.Subject:
        """Return what is run."""
        inputs = pipeline.Inputs(policies=(self.policy,), objective=self.objective)
        return pipeline.subjects(inputs)[0]


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one scenario; `pinned` is the capacity that its load is stated in."""

    studied: Studied
    scenario: str
    variation: Variation
    pinned: float | None = None

    def judged(self) -> Judged:
        """Run it; return what its checks found."""
        case = next(one for one in find_suite("core").cases if one.id == self.scenario)
        subject = replace(self.studied.subject(), capacity_per_second=self.pinned)
        trial = prepare(subject, case.scenario, case.path.parent, case.suite, self.variation)
        recording = SimWorld().run(trial)
        return Judged(recording.plan, pipeline.judge(recording))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the guard band of one scenario says, and what each further run of a set said."""

    scenario: str
    band: tuple[Finding, ...]
    further: dict[str, list[Judged]]


def further(subject: pipeline.Subject, points: int) -> Iterator[tuple[str, Variation]]:
    """Yield the further runs, each with the set that it is of."""
    for number in range(points):
        seed = subject.seed + SEEDS + number
        yield "seeds", nominal(seed)
        draws = stream(seed, "guard-band-study").uniform(-1.0, 1.0, len(PARTS)).tolist()
        parts = zip(PARTS, draws, strict=True)
        off = {part: 1.0 + draw * subject.errors[part].relative for part, draw in parts}
        for name in ("box", "load"):
            yield name, Variation(name=f"{name}-{seed}", seed=seed, **off)


def study(
    one: Studied, points: int, scenarios: Sequence[str], pool: ProcessPoolExecutor
) -> list[Outcome]:
    """Run a policy's guard band and the further runs in each scenario."""
    subject = one.subject()
    found = []
    for case in find_suite("core").cases:
        if scenarios and case.id not in scenarios:
            continue
        band = [Job(one, case.id, variation) for variation in guard_band(1, subject.errors)]
        runs = list(pool.map(Job.judged, band))
        capacity = runs[0].plan.capacity.requests_per_second
        sets = list(further(subject, points))
        jobs = [Job(one, case.id, off, capacity if name == "load" else None) for name, off in sets]
        told: dict[str, list[Judged]] = {name: [] for name in SETS}
        for (name, _), judged in zip(sets, pool.map(Job.judged, jobs), strict=True):
            told[name].append(judged)
        found.append(Outcome(case.id, guarded(runs), told))
    return found


def core(findings: Sequence[Finding], verdict: Verdict | None = None) -> list[Finding]:
    """Return the core findings, of that verdict if one is named."""
    return [one for one in findings if one.level == "core" and verdict in (None, one.verdict)]


def contradictions(outcomes: Sequence[Outcome], name: str, said: Verdict) -> Counter[str]:
    """Count per finding of the band the runs of a set that say the opposite."""
    opposite = Verdict.FAIL if said is Verdict.PASS else Verdict.PASS
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        for finding in core(outcome.band, said):
            met = [run.finding(finding.id) for run in outcome.further[name]]
            against = sum(one is not None and one.verdict is opposite for one in met)
            counts[f"{outcome.scenario} {finding.id}"] += against
    return counts


def row(one: Studied, outcomes: Sequence[Outcome], points: int) -> str:
    """Return a policy's row, then a line per pass that a further run broke."""
    band = Counter(finding.verdict for outcome in outcomes for finding in core(outcome.band))
    verdicts = [f"{band[said]}" for said in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE)]
    cells = []
    remarks = []
    for name in SETS:
        broken = contradictions(outcomes, name, Verdict.PASS)
        mended = contradictions(outcomes, name, Verdict.FAIL)
        cells.append(f"{broken.total()} of {len(broken) * points}")
        cells.append(f"{mended.total()} of {len(mended) * points}")
        for word, counts in (("pass", broken), ("fail", mended)):
            remarks += [
                f"- {one.name}: {key} ({word}): {count} of {points} ({name})"
                for key, count in counts.items()
                if count
            ]
    return "\n".join([f"| {one.name} | {' | '.join((*verdicts, *cells))} |", *remarks])


def header() -> str:
    """Return the head of the table."""
    columns = ["policy", "pass", "fail", "inconclusive"]
    columns += [f"{said} broken by {name}" for name in SETS for said in ("pass", "fail")]
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"


def main() -> int:
    """Study all, and print as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("policies", nargs="*", help="manifests; default: six that ship")
    parser.add_argument("--objective", default=OBJECTIVE, help="of the manifests that are named")
    parser.add_argument("--points", type=int, default=20, help="further runs per set and scenario")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--scenario", action="append", default=[], help="default: all of core")
    options = parser.parse_args()
    named = [Studied(policy, options.objective) for policy in options.policies]
    shipped = [Studied(str(POLICIES / policy), objective) for policy, objective in STUDIED]
    print(header())
    with ProcessPoolExecutor(options.jobs) as pool:
        for one in named or shipped:
            outcomes = study(one, options.points, options.scenario, pool)
            print(row(one, outcomes, options.points), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
