"""Certificates prove who is who to the right verifier, for days, and no key is readable."""

from __future__ import annotations

import datetime
import ipaddress
import stat
from itertools import chain
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from scalecert.worlds.local.control_plane.certificates import (
    SKEW_SECONDS,
    VALID_DAYS,
    KeyPair,
    Pki,
    make_pki,
)

ADDRESS = "127.40.2.1"
NOW_SECONDS = 1_800_000_000.0


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("world") / "pki", ADDRESS, now_seconds=NOW_SECONDS)


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def policy(ca: Path, seconds: float = NOW_SECONDS) -> PolicyBuilder:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return PolicyBuilder().store(Store([load(ca)])).time(moment)


def proves_address(pair: KeyPair, ca: Path, seconds: float = NOW_SECONDS) -> bool:
    verifier = policy(ca, seconds).build_server_verifier(
        x509.IPAddress(ipaddress.ip_address(ADDRESS))
    )
    try:
        verifier.verify(load(pair.certificate), [])
    except VerificationError:
        return False
    return True


def proves_client(pair: KeyPair, ca: Path) -> bool:
    """Whether a signature of this authority vouches for a client: what Go's TLS server looks at."""
    certificate = load(pair.certificate)
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    try:
        certificate.verify_directly_issued_by(load(ca))
    except Exception:  # noqa: BLE001 - another authority's name or signature
        return False
    return x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH in usages


def test_servers_prove_the_worlds_address(pki: Pki):
    """Of the authority that their clients know, and of no other."""
    assert proves_address(pki.api_server, pki.ca)
    assert proves_address(pki.metrics_apis, pki.ca)
    assert proves_address(pki.etcd, pki.etcd_ca)
    assert not proves_address(pki.etcd, pki.ca)
    assert not proves_address(pki.admin, pki.ca)


def test_the_metrics_apis_prove_any_service_of_kube_system(pki: Pki):
    """Kube-apiserver asks what is behind an APIService for `<service>.<namespace>.svc`."""
    name = x509.DNSName("metrics.kube-system.svc")
    policy(pki.ca).build_server_verifier(name).verify(load(pki.metrics_apis.certificate), [])
    with pytest.raises(VerificationError):
        policy(pki.ca).build_server_verifier(name).verify(load(pki.api_server.certificate), [])


def test_clients_are_known_by_the_authority_of_their_server_alone(pki: Pki):
    """The front proxy may not use the API, nor an administrator etcd or an aggregated API."""
    clients = {
        pki.ca: [pki.admin, pki.controller_manager, pki.scheduler],
        pki.front_proxy_ca: [pki.front_proxy],
        pki.etcd_ca: [pki.etcd_client],
    }
    for ca, known in clients.items():
        for pair in chain.from_iterable(clients.values()):
            assert proves_client(pair, ca) == (pair in known)


def test_the_administrator_is_of_kubernetes_own_group(pki: Pki):
    """`system:masters` may do everything under any authorization mode."""
    subject = load(pki.admin.certificate).subject
    names = subject.get_attributes_for_oid(x509.oid.NameOID.ORGANIZATION_NAME)
    assert [name.value for name in names] == ["system:masters"]


def test_certificates_are_valid_for_days_and_from_a_little_before(pki: Pki):
    """A clock that is set back by minutes stops no world; a forgotten key is worth nothing soon."""
    day = 86400.0
    assert proves_address(pki.api_server, pki.ca, NOW_SECONDS - SKEW_SECONDS + 1)
    assert not proves_address(pki.api_server, pki.ca, NOW_SECONDS - SKEW_SECONDS - 1)
    assert proves_address(pki.api_server, pki.ca, NOW_SECONDS + VALID_DAYS * day - 1)
    assert not proves_address(pki.api_server, pki.ca, NOW_SECONDS + VALID_DAYS * day + 1)


def test_no_key_can_be_read_by_others(pki: Pki):
    """Mode 0600 in a folder of 0700."""
    folder = pki.ca.parent
    keys = list(folder.glob("*.key"))
    assert len(keys) == 9
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_nobody_can_sign_more(pki: Pki):
    """The authorities' keys are on no disk: no file's key is one of theirs."""
    kept = [
        load_pem_private_key(path.read_bytes(), None).public_key()
        for path in pki.ca.parent.glob("*.key")
    ]
    assert load(pki.admin.certificate).public_key() in kept
    for ca in (pki.ca, pki.front_proxy_ca, pki.etcd_ca):
        assert load(ca).public_key() not in kept


def test_a_folder_of_before_is_refused(tmp_path: Path):
    """Whoever made it may have put links into it."""
    (tmp_path / "pki").mkdir()
    with pytest.raises(FileExistsError):
        make_pki(tmp_path / "pki", ADDRESS, now_seconds=NOW_SECONDS)
