"""Calls to an API server, and what is said where there is no answer to one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds.api_server.fake_api import PATH, FakeApi, fake_api, thing

from scalecert.errors import EnvironmentFault, UsageError
from scalecert.worlds.api_server import ApiServer, ApiUnavailable, Refused
from scalecert.worlds.api_server.connections import connections_of_any


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    with fake_api(tmp_path) as served:
        yield served


def test_an_answer_that_is_none_is_said(api: FakeApi) -> None:
    """Who asks for a collection that nobody serves is told its path and the status."""
    with pytest.raises(Refused, match="/apis/none answered 404") as raised:
        ApiServer(api.kubeconfig).list("/apis/none")
    assert raised.value.status == 404


def test_a_client_without_its_certificate_gets_no_answer(api: FakeApi, tmp_path: Path) -> None:
    """The kubeconfig's certificate is what lets the process in."""
    with fake_api(tmp_path / "other") as other:
        stranger = json.loads(other.kubeconfig.read_bytes())
    own = json.loads(api.kubeconfig.read_bytes())
    (tmp_path / "mixed").write_text(json.dumps({**own, "users": stranger["users"]}))
    with pytest.raises(ApiUnavailable, match="did not answer"):
        ApiServer(tmp_path / "mixed").list(PATH)


def test_both_ways_to_read_a_kubeconfig_lead_to_the_same_server(api: FakeApi) -> None:
    """The light one, for files; the kubernetes client's, for any."""
    api.objects, api.version = [thing("a", 3)], 7
    (light, version) = ApiServer(api.kubeconfig).list(PATH)
    assert ([one.name for one in light], version) == (["a"], "7")
    assert ApiServer(connections_of_any(api.kubeconfig)).list(PATH) == (light, version)


def test_a_kubeconfig_is_needed(tmp_path: Path) -> None:
    """Without one it says which it was."""
    with pytest.raises(UsageError, match="kubeconfig"):
        ApiServer(tmp_path / "kubeconfig")
    with pytest.raises(EnvironmentFault, match="kubeconfig"):
        connections_of_any(tmp_path / "kubeconfig")
