"""The process: what it says when it can't begin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from worlds.api_server.fake_api import fake_api

from scalecert.errors import EnvironmentFault
from scalecert.worlds.api_server import ApiServer
from scalecert.worlds.local.monitors import process
from scalecert.worlds.local.monitors.__main__ import main
from scalecert.worlds.local.monitors.process import Watched


def test_a_configuration_that_is_none_ends_it_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which field, without a traceback."""
    file = tmp_path / "monitors.json"
    file.write_text(json.dumps({"kubeconfig": 7}))
    assert main(str(file)) == 2
    (line,) = [one.getMessage() for one in caplog.records]
    assert "$.kubeconfig" in line


def test_a_wait_for_lists_has_a_limit_and_says_of_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the definitions there are no monitors to list, however long one waits."""
    monkeypatch.setattr(process, "START_SECONDS", 0.3)
    with fake_api(tmp_path) as api:
        watched = Watched(ApiServer(api.kubeconfig))
        api.at_end(watched.stop)
        with pytest.raises(EnvironmentFault, match=r"waited 0\.3 s") as raised:
            watched.wait_listed()
    assert "/apis/monitoring.coreos.com/v1/podmonitors" in str(raised.value)
