"""A run that would take hours is refused before it starts."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from factories import make_scenario

from scalecert.errors import UsageError
from scalecert.planning.limits import MAX_LOOKS, MAX_REPLICAS, check_limits
from scalecert.policy.loading import load_policies
from scalecert.policy.model import Policy
from scalecert.scalars import decode_hook
from scalecert.scenario.model import MAX_DURATION_SECONDS, Scenario

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "fixtures/policies/vllm-num-requests-running.yaml"


def policy(tmp_path: Path, *, replicas: int = 10, interval: str = "15s") -> Policy:
    """Return a shipped policy with other maxReplicas and scrape interval."""
    text = SOURCE.read_text()
    assert "maxReplicas: 10" in text
    assert "interval: 15s" in text
    text = text.replace("maxReplicas: 10", f"maxReplicas: {replicas}")
    (tmp_path / "policy.yaml").write_text(text.replace("interval: 15s", f"interval: {interval}"))
    return load_policies([str(tmp_path / "policy.yaml")])[0]


def test_what_ships_is_far_from_the_limits(tmp_path: Path):
    """A hundred replicas for a day, or a few for a week, are no problem."""
    check_limits(policy(tmp_path, replicas=100), make_scenario(duration=86_400.0))
    check_limits(policy(tmp_path, replicas=10), make_scenario(duration=MAX_DURATION_SECONDS))
    check_limits(policy(tmp_path, replicas=MAX_REPLICAS), make_scenario(duration=3600.0))


def test_more_replicas_than_a_cluster_has_nodes_are_refused(tmp_path: Path):
    """The API server takes two billion; memory does not."""
    with pytest.raises(UsageError, match=r"policy\.yaml:\d+: spec\.maxReplicas: found 2147483647"):
        check_limits(policy(tmp_path, replicas=2**31 - 1), make_scenario())


@pytest.mark.parametrize(
    ("replicas", "interval", "duration"),
    [(MAX_REPLICAS, "15s", 86_400.0), (10, "1ms", 3600.0), (1000, "1s", 7200.0)],
)
def test_too_many_looks_at_pods_are_refused(
    tmp_path: Path, replicas: int, interval: str, duration: float
):
    """Many replicas, short intervals and a long run multiply."""
    with pytest.raises(UsageError, match=rf"looks at pods.*expected at most {MAX_LOOKS}"):
        check_limits(
            policy(tmp_path, replicas=replicas, interval=interval),
            make_scenario(duration=duration),
        )


@pytest.mark.parametrize(
    "spec",
    [
        {"duration": "0s"},
        {"duration": "8760h"},
        {"cluster": {"controllers": {"syncPeriod": "0s"}}},
        {"cluster": {"controllers": {"tolerance": -0.1}}},
        {"cluster": {"metrics": {"scrapeInterval": "1ms"}}},
        {"cluster": {"metrics": {"resourceResolution": "0s"}}},
        {"cluster": {"metrics": {"adapterRelistInterval": "0s"}}},
        {"cluster": {"nodes": {"warm": 10_000_000}}},
        {"cluster": {"nodes": {"maximum": -1}}},
        {"cluster": {"nodes": {"replicasPerNode": 0}}},
    ],
)
def test_a_scenario_states_nothing_that_never_ends(spec: dict):
    """Each condition has a range, and the refusal names it."""
    document = msgspec.to_builtins(make_scenario(), enc_hook=lambda value: value.encode())
    document["spec"].update(spec)
    with pytest.raises(msgspec.ValidationError, match=r"^found .*, expected .* - at `\$\.spec"):
        msgspec.convert(document, Scenario, dec_hook=decode_hook)


def test_a_sine_too_fast_for_its_run_is_refused(tmp_path: Path):
    """Its straight pieces are kept for the checks: a million periods would fill the memory."""
    sine = {"shape": "sine", "mean": "3/s", "amplitude": "1/s", "period": "100ms"}
    workload = msgspec.to_builtins(
        make_scenario().spec.workload, enc_hook=lambda value: value.encode()
    )
    scenario = make_scenario(workload={**workload, "rate": sine})
    with pytest.raises(UsageError, match=r"found 0\.1s, expected at most 1000 periods"):
        check_limits(policy(tmp_path), scenario)
