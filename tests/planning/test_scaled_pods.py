"""The pods as a world has them: the ports that something listens on."""

from __future__ import annotations

from pathlib import Path

import pytest

from scalecert.bundled import bundled
from scalecert.planning.scaled_pods import scaled_pods
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

POLICY = bundled("fixtures", "policies", "vllm-num-requests-running.yaml")


@pytest.mark.parametrize(
    ("old", "new", "ports"),
    [
        ("--port=8000", "--port=8000", {"http": 8000}),
        ("--port=8000", "--port=9100", {"http": 8000, "9100": 9100}),
        ("        ports:\n        - name: http\n          containerPort: 8000\n", "", {}),
    ],
    ids=["declared", "another", "none declared"],
)
def test_a_scrape_by_number_reaches_a_port_that_is_not_declared(
    tmp_path: Path, old: str, new: str, ports: dict[str, int]
) -> None:
    """Declaring ports is information; the server's command line says where it listens."""
    text = POLICY.read_text()
    assert text.count(old) == 1
    path = tmp_path / "policy.yaml"
    path.write_text(text.replace(old, new))
    (policy,) = load_policies([str(path)])
    assert scaled_pods(policy, resolve(policy)).ports == ports
