"""Three whole worlds at once, each in the middle of a run, and how each of them ends.

They are apart from each other, from other machines and from other users; and whatever ends the
command that holds one, nothing of that one is left, and the others go on.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from control_planes import listening_in, require_assets, status_at, wait_until
from e2e.policies import FIDELITY, write_suite
from e2e.whole_worlds import HeldWorld, command_in_world, scalecert, tell

from scalecert.clock import monotonic_seconds, unix_seconds
from scalecert.worlds.local.control_plane import KeyPair
from scalecert.worlds.local.control_plane.certificates import make_pki

pytestmark = pytest.mark.e2e

ENDINGS = {one.name.lower(): one for one in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)}
GONE_SECONDS = 10.0
"""Within which nothing may be left of a world whose holder could not end it."""
POLICY = FIDELITY / "vllm-running.yaml"

Worlds = Mapping[str, HeldWorld]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Return three worlds by name, all under load of a run that lasts longer than this test."""
    require_assets()
    folder = tmp_path_factory.mktemp("endings")
    suite = write_suite(folder / "suite", duration="8h", to="0.07 max")
    words = ("certify", POLICY, "--suite", suite, "--world", "local", "--time-lapse", "5")
    with ExitStack() as stack:
        held = {
            name: stack.enter_context(
                command_in_world(
                    *words, "--quick", "--capacity", "1.2", name=name, folder=folder / name
                )
            )
            for name in ENDINGS
        }
        for one in held.values():
            one.wait_for_load()
        yield held


def test_a_name_that_is_held_is_refused(worlds: Worlds, tmp_path: Path):
    """In one line, with who holds it and how one gets rid of it; that one goes on."""
    held = worlds["sigterm"]
    for words in (
        ("certify", POLICY, "--world", "local", "--quick", "--out", tmp_path / "out"),
        ("world", "up"),
    ):
        refused = scalecert(*words, "--name", "sigterm")
        assert refused.returncode in {2, 3}, refused.stderr
        (line,) = [one for one in refused.stderr.splitlines() if "is held by" in one]
        assert f"pid {held.world.holder.pid} " in line
        assert "scalecert world down --name sigterm" in line
    assert held.process.poll() is None


def test_worlds_do_not_see_each_other(worlds: Worlds):
    """Each has its own API server, with the one HPA and the pods of its own run."""
    held = worlds.values()
    assert len({one.world.subnet for one in held}) == len(ENDINGS)
    autoscalers = [json.loads(one.kubectl("get", "hpa", "-A", "-o", "json")) for one in held]
    uids = [[item["metadata"]["uid"] for item in found["items"]] for found in autoscalers]
    assert [len(one) for one in uids] == [1, 1, 1]
    assert len({uid for one in uids for uid in one}) == len(ENDINGS)
    for one in held:
        addresses = one.kubectl("get", "pods", "-o", "jsonpath={.items[*].status.podIP}").split()
        assert addresses
        assert all(address.startswith(f"{one.world.subnet}.") for address in addresses)
    worlds["sigint"].kubectl("create", "configmap", "mark")
    assert "mark" in worlds["sigint"].kubectl("get", "configmaps")
    assert "mark" not in worlds["sigterm"].kubectl("get", "configmaps")


def test_everything_listens_on_loopback(worlds: Worlds):
    """Control plane, Prometheus, metrics APIs, load and pods: in the world's own /24 alone."""
    for one in worlds.values():
        listening = listening_in(one.world.pids)
        pods = one.kubectl("get", "pods", "-o", "jsonpath={.items[*].status.podIP}").split()
        assert one.world.holder.address in listening
        assert listening & set(pods)
        assert {address.rpartition(".")[0] for address in listening} == {one.world.subnet}


def test_nobody_is_let_in_without_the_worlds_certificates(worlds: Worlds, tmp_path: Path):
    """The API wants its administrator's, the metrics APIs want the aggregation layer's."""
    own, pki = worlds["sigint"], worlds["sigint"].world.path / "pki"
    others = make_pki(tmp_path / "pki", "127.0.0.1", now_seconds=unix_seconds())
    neighbour = worlds["sigterm"].world.path / "pki"
    server = own.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    service = json.loads(own.kubectl("get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "json"))[
        "spec"
    ]["service"]
    metrics = f"https://{own.world.holder.address}:{service['port']}"
    strangers = (None, others.admin, others.front_proxy, pair(neighbour, "admin"))
    ways = (
        (f"{server}/api", pair(pki, "admin"), 401),
        (f"{metrics}/apis/metrics.k8s.io/v1beta1", pair(pki, "front-proxy-client"), None),
    )
    for url, friend, refusal in ways:
        assert status_at(url, pki / "ca.crt", friend) == 200
        for stranger in strangers:
            assert status_at(url, pki / "ca.crt", stranger) == refusal


def pair(pki: Path, name: str) -> KeyPair:
    """Return a certificate of a world's with its key."""
    return KeyPair(pki / f"{name}.crt", pki / f"{name}.key")


def test_nobody_else_can_read_what_is_private(worlds: Worlds):
    """Keys and kubeconfigs have mode 0600, and a world's directory 0700."""
    for one in worlds.values():
        path = one.world.path
        private = [*path.rglob("*.key"), *path.rglob("*.kubeconfig")]
        assert len(private) >= 12
        assert {stat.S_IMODE(file.stat().st_mode) for file in private} == {0o600}
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ENDINGS)
def test_nothing_is_left(
    worlds: Worlds, name: str, worlds_state: Path, capsys: pytest.CaptureFixture[str]
):
    """No process, socket, lease, directory or temporary file; whoever still runs is undisturbed."""
    held, world = worlds[name], worlds[name].world
    number = ENDINGS[name]
    began = monotonic_seconds()
    if number == signal.SIGINT:
        os.killpg(held.process.pid, number)
    else:
        held.process.send_signal(number)
    code = held.process.wait(GONE_SECONDS)
    if number == signal.SIGKILL:
        wait_until(lambda: world.leftovers() == [], limit_seconds=GONE_SECONDS)
    assert world.leftovers() == []
    tell(capsys, f"{name}: nothing left", monotonic_seconds() - began)
    assert code == (-number if number == signal.SIGKILL else 130)
    assert held.temporary_files == []
    going_on = [one for one in worlds.values() if one.process.poll() is None]
    for one in going_on:
        assert one.kubectl("get", "--raw", "/readyz") == "ok"
        assert one.kubectl("get", "hpa", "-o", "name")
    assert worlds_state.exists() == bool(going_on)
