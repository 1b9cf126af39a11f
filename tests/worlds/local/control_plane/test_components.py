"""Command lines: the world's address only, certificates everywhere, a trial's own flags."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalecert.worlds.local.control_plane import components
from scalecert.worlds.local.control_plane.certificates import Pki, make_pki
from scalecert.worlds.local.control_plane.components import ControllerFlags, Endpoints

ADDRESS = "127.40.2.1"
ENDPOINTS = Endpoints(ADDRESS, api_port=20000, etcd_port=20001, etcd_peer_port=20002)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("world") / "pki", ADDRESS, now_seconds=1.8e9)


def flags_of(command: list[str]) -> dict[str, str]:
    """Return a command's flags with their values; each must be given once."""
    words = [word.removeprefix("--").partition("=") for word in command[1:]]
    names = [name for name, _, _ in words]
    assert len(names) == len(set(names))
    return {name: value for name, _, value in words}


def controllers(flags: ControllerFlags) -> dict[str, str]:
    return flags_of(components.kube_controller_manager(Path("kcm"), Path("kubeconfig"), flags))


def test_every_address_is_the_worlds(pki: Pki):
    """No command line names another address, and those that would listen on all name this one."""
    commands = [
        components.etcd(Path("etcd"), Path("data"), ENDPOINTS, pki),
        components.kube_apiserver(Path("kube-apiserver"), ENDPOINTS, pki),
        components.prometheus(
            Path("prometheus"), Path("x.yml"), Path("data"), ADDRESS, 20003, lookback_seconds=300
        ),
    ]
    for command in commands:
        named = set(re.findall(r"\d+\.\d+\.\d+\.\d+", " ".join(command[1:])))
        assert named - {"10.96.0.0"} == {ADDRESS}
    assert flags_of(commands[1])["bind-address"] == ADDRESS
    assert flags_of(commands[2])["web.listen-address"] == f"{ADDRESS}:20003"


def test_what_is_asked_by_nobody_listens_nowhere():
    """Scheduler and controllers open no port."""
    scheduler = components.kube_scheduler(Path("kube-scheduler"), Path("kubeconfig"))
    assert flags_of(scheduler)["secure-port"] == "0"
    assert controllers(ControllerFlags())["secure-port"] == "0"


def test_etcd_and_the_api_take_certificates_only(pki: Pki):
    """Etcd for its clients and peers, the API server for everybody."""
    etcd = flags_of(components.etcd(Path("etcd"), Path("data"), ENDPOINTS, pki))
    assert {etcd[f"{whose}trusted-ca-file"] for whose in ("", "peer-")} == {str(pki.etcd_ca)}
    assert {"client-cert-auth", "peer-client-cert-auth"} <= set(etcd)
    assert all(url.startswith("https://") for name, url in etcd.items() if name.endswith("urls"))
    server = flags_of(components.kube_apiserver(Path("kube-apiserver"), ENDPOINTS, pki))
    assert server["anonymous-auth"] == "false"
    assert server["client-ca-file"] == str(pki.ca)
    assert server["requestheader-client-ca-file"] == str(pki.front_proxy_ca)


def test_a_trials_flags_reach_the_hpa_controller():
    """Seconds of the clock, fractions of a second included; what is not set is Kubernetes' own."""
    given = controllers(
        ControllerFlags(sync_period_seconds=7.5, tolerance=0.05, initial_readiness_delay_seconds=6)
    )
    hpa = {name: value for name, value in given.items() if name.startswith("horizontal")}
    assert hpa == {
        "horizontal-pod-autoscaler-sync-period": "7500ms",
        "horizontal-pod-autoscaler-downscale-stabilization": "300000ms",
        "horizontal-pod-autoscaler-tolerance": "0.05",
        "horizontal-pod-autoscaler-cpu-initialization-period": "300000ms",
        "horizontal-pod-autoscaler-initial-readiness-delay": "6000ms",
    }


def test_what_each_sync_proposes_is_logged():
    """The log of the HPA's controller is a source of the recording."""
    assert controllers(ControllerFlags())["vmodule"] == "horizontal=4,event=3"
