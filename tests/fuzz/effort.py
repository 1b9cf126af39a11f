"""How much is fuzzed: a little in every test run, 10,000 examples in the session `nox -s fuzz`.

`SCALECERT_FUZZ_EXAMPLES` is the number of examples of all targets together; with it examples are
drawn from the seed that `--hypothesis-seed` gives, without it they are always the same ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

EXAMPLES_VARIABLE = "SCALECERT_FUZZ_EXAMPLES"
IN_EVERY_TEST_RUN = 260

SHARES = {
    "manifests": 0.20,
    "policies that run": 0.08,
    "scenarios": 0.11,
    "suites": 0.04,
    "workloads": 0.07,
    "traces": 0.10,
    "profiles": 0.09,
    "comparisons": 0.05,
    "recordings": 0.15,
    "certificates": 0.04,
    "verification": 0.03,
    "commands": 0.04,
}
"""Of all examples, by target: many where one is cheap, enough where it runs a simulation."""


def effort(target: str) -> settings:
    """Return the settings of one target's test."""
    asked = os.environ.get(EXAMPLES_VARIABLE)
    examples = max(1, round(SHARES[target] * int(asked or IN_EVERY_TEST_RUN)))
    return settings(
        max_examples=examples,
        derandomize=asked is None,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
