"""Certificates of one control plane: who may speak to whom, and prove it.

Three authorities, as in any cluster: one for the API and its clients, one for the aggregation layer
(kube-apiserver's word about whom it forwards for), one for etcd (only kube-apiserver may speak to
it). They sign when a world is made and are forgotten: an authority's key is never on disk.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS: Final = 7
"""A world that is kept up by hand lives for days, none for weeks."""

SKEW_SECONDS: Final = 3600.0
"""A certificate is valid from so long ago, because a clock may be set back while a world runs."""

AGGREGATED_NAMES: Final = "*.kube-system.svc"
"""Whom kube-apiserver expects behind an APIService: `<service>.<namespace>.svc`."""

_SERVES = ExtendedKeyUsageOID.SERVER_AUTH
_CALLS = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, as PEM files; the key's mode is 0600."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Pki:
    """Where a control plane's certificates lie.

    Attributes:
        ca: signs what serves the API, and its clients.
        front_proxy_ca: signs kube-apiserver's certificate towards aggregated APIs.
        etcd_ca: signs etcd's and its one client's.
        api_server: what kube-apiserver serves with.
        metrics_apis: what the metrics APIs serve with, as any service of `kube-system`.
        admin: may do everything (`system:masters`).
        controller_manager: kube-controller-manager's.
        scheduler: kube-scheduler's.
        front_proxy: kube-apiserver shows it to aggregated APIs.
        etcd: what etcd serves with.
        etcd_client: kube-apiserver shows it to etcd.
        service_account_key: signs service accounts' tokens.
    """

    ca: Path
    front_proxy_ca: Path
    etcd_ca: Path
    api_server: KeyPair
    metrics_apis: KeyPair
    admin: KeyPair
    controller_manager: KeyPair
    scheduler: KeyPair
    front_proxy: KeyPair
    etcd: KeyPair
    etcd_client: KeyPair
    service_account_key: Path


def make_pki(folder: Path, address: str, *, now_seconds: float) -> Pki:
    """Make every key and certificate of a control plane that listens on one address.

    Args:
        folder: a new folder, which gets mode 0700.
        address: the IP address that everything listens on.
        now_seconds: unix time.

    Raises:
        OSError: if the folder exists or can't be written.
    """
    folder.mkdir(mode=0o700)
    now = datetime.datetime.fromtimestamp(now_seconds, datetime.UTC)
    cluster = _Authority(folder, "ca", now)
    proxies = _Authority(folder, "front-proxy-ca", now)
    storage = _Authority(folder, "etcd-ca", now)
    service_account_key = folder / "service-account.key"
    _write_key(service_account_key, ec.generate_private_key(ec.SECP256R1()))
    return Pki(
        ca=cluster.certificate,
        front_proxy_ca=proxies.certificate,
        etcd_ca=storage.certificate,
        api_server=cluster.server(
            "kube-apiserver", [address, "localhost", "kubernetes.default.svc"]
        ),
        metrics_apis=cluster.server("metrics-apis", [address, "localhost", AGGREGATED_NAMES]),
        admin=cluster.client("scalecert:admin", group="system:masters"),
        controller_manager=cluster.client("system:kube-controller-manager"),
        scheduler=cluster.client("system:kube-scheduler"),
        front_proxy=proxies.client("front-proxy-client"),
        etcd=storage.server("etcd", [address], usages=[_SERVES, _CALLS]),
        etcd_client=storage.client("kube-apiserver-etcd-client"),
        service_account_key=service_account_key,
    )


class _Authority:
    """Signs certificates, and writes them and their keys."""

    def __init__(self, folder: Path, name: str, now: datetime.datetime) -> None:
        self._folder, self._now = folder, now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"scalecert {name}")])
        self.certificate = folder / f"{name}.crt"
        builder = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
        )
        self._write_certificate(self.certificate, builder)

    def server(
        self,
        name: str,
        hosts: Sequence[str],
        *,
        usages: Sequence[x509.ObjectIdentifier] = (_SERVES,),
    ) -> KeyPair:
        """Return what a server of that name proves with that it is one of these hosts."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._leaf(name, subject, usages, names)

    def client(self, user: str, *, group: str | None = None) -> KeyPair:
        """Return what a client proves with who it is: the user's name, and one group of users."""
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if group is not None:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        return self._leaf(user.rpartition(":")[2], x509.Name(attributes), [_CALLS], None)

    def _leaf(
        self,
        file: str,
        subject: x509.Name,
        usages: Sequence[x509.ObjectIdentifier],
        names: x509.SubjectAlternativeName | None,
    ) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        pair = KeyPair(self._folder / f"{file}.crt", self._folder / f"{file}.key")
        _write_key(pair.key, key)
        self._write_certificate(pair.certificate, builder)
        return pair

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - datetime.timedelta(seconds=SKEW_SECONDS))
            .not_valid_after(self._now + datetime.timedelta(days=VALID_DAYS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )

    def _write_certificate(self, path: Path, builder: x509.CertificateBuilder) -> None:
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that nobody else could read at any moment.

    As an `EC PRIVATE KEY`, the one form that kube-apiserver also takes a public key from.
    """
    data = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
