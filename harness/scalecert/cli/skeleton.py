"""The files of a first case, as `scalecert init` writes them."""

from __future__ import annotations

from scalecert.cli.schemas import schema_text
from scalecert.suite import SUITE_FILE, name_of_test_file

_SUITE = """\
apiVersion: scalecert.dev/v1
kind: Suite
metadata:
  name: {suite}
spec:
  version: "0.1"
  why: What this policy must do beyond the core suite.
"""

_SCENARIO = """\
# yaml-language-server: $schema=scenario.schema.json
apiVersion: scalecert.dev/v1
kind: Scenario
metadata:
  name: {id}
  title: A load of my own
spec:
  why: What do I want to know of the policy?
  level: core
  duration: 30m
  workload:
    arrivals: {{process: poisson}}
    # Rates: 0.4 max (share of maxReplicas x capacity), 1.5 replicas, or 3.5/s.
    rate: {{shape: spike, base: 0.3 max, peak: 0.6 max, start: 5m, duration: 20m}}
    sizes:
      input: {{distribution: uniform, low: 128, high: 384}}
      output: {{distribution: uniform, low: 64, high: 192}}
  # `scalecert explain` lists the checks; `limit:` overrides a check's default.
  checks:
    - id: generator-on-time
    - id: signal-present
    - id: signal-reachable
    - id: slo-attainment
    - id: no-request-lost
    - id: step-recovery
"""

_TEST = '''\
"""A load of my own."""

from __future__ import annotations

from scalecert.pytest_plugin import Case


def test_{word}(case: Case) -> None:
    """The policy keeps its objective."""
    case.judge(case.record())
'''


def files(case_id: str, *, suite: str) -> dict[str, str]:
    """Return the texts of a first case by file name."""
    return {
        SUITE_FILE: _SUITE.format(suite=suite),
        f"{case_id}.yaml": _SCENARIO.format(id=case_id),
        name_of_test_file(case_id): _TEST.format(word=case_id.replace("-", "_")),
        "scenario.schema.json": schema_text("scenario"),
    }
