"""Locust's FastHttpUser against the mock servers: tokens one by one, when they come."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mock_processes import mock_server

from scalecert.engines.profiles import load_profile

HERE = Path(__file__).parent
TOKENS, ANSWERS, LIMIT_SECONDS = 20, 6, 120
SPEED = 4

DIALECTS = {
    "vllm_llama-2-7b_l4": (
        "/v1/completions",
        {"prompt": "one two three", "max_tokens": TOKENS, "ignore_eos": True, "stream": True},
    ),
    "tgi_llama-2-7b_l4": (
        "/generate_stream",
        {"inputs": "one two three", "parameters": {"max_new_tokens": TOKENS}},
    ),
}


@pytest.mark.parametrize("profile", DIALECTS)
def test_locust_reads_tokens_as_they_come(profile: str, tmp_path: Path) -> None:
    """All tokens come one event each, spread over the time that the model takes to decode them."""
    path, body = DIALECTS[profile]
    with mock_server(
        profile.partition("_")[0], "--profile", profile, "--speed", str(SPEED)
    ) as server:
        locust = subprocess.run(
            [
                *(sys.executable, "-m", "locust", "-f", str(HERE / "locust_streams.py")),
                *("--headless", "--users", "2", "--spawn-rate", "2", "--host", server.api),
                *("--run-time", f"{LIMIT_SECONDS}s", "--skip-log", "--only-summary"),
            ],
            env={
                "PATH": "",
                "HOME": str(tmp_path),
                "STREAM_PATH": path,
                "STREAM_BODY": json.dumps(body),
                "STREAM_ANSWERS": str(ANSWERS),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    lines = [line for line in locust.stdout.splitlines() if line.startswith("SEEN ")]
    assert lines, locust.stderr
    seen = json.loads(lines[0].removeprefix("SEEN "))
    assert seen["problems"] == []
    assert len(seen["answers"]) >= ANSWERS
    least = load_profile(profile).spec.costs.weights_seconds / SPEED * (TOKENS - 1)
    for tokens, first, last in seen["answers"]:
        assert tokens == TOKENS
        assert last - first > 0.9 * least
