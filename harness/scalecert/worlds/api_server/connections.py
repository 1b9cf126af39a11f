"""Connections to an API server, as a kubeconfig says.

Certificates are handed to urllib3 as files, never as a context: it changes a context with each
connection that it opens, and OpenSSL crashes where two threads do so at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import urllib3

from scalecert.documents import read_documents
from scalecert.errors import EnvironmentFault

_MOST_KEPT: Final = 8
"""Connections that are kept for the next call; there may be more at a time."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Where an API server is, connections to it, and the headers that let a request in."""

    url: str
    pool: urllib3.PoolManager
    headers: Callable[[], Mapping[str, str]] = dict


def connections_of_files(kubeconfig: Path) -> Connections:
    """Return the connections of a kubeconfig that names the files of its certificates.

    Such are those of world `local`. Its first cluster and user count.

    Raises:
        UsageError: if it can't be read, or holds its certificates itself.
    """
    (document,) = read_documents(kubeconfig)
    pool = urllib3.PoolManager(
        ca_certs=document.get_text("clusters[0].cluster.certificate-authority"),
        cert_file=document.get_text("users[0].user.client-certificate"),
        key_file=document.get_text("users[0].user.client-key"),
        cert_reqs="CERT_REQUIRED",
        maxsize=_MOST_KEPT,
    )
    return Connections(document.get_text("clusters[0].cluster.server"), pool)


def connections_of_any(kubeconfig: Path) -> Connections:
    """Return the connections of any kubeconfig, read by the kubernetes client.

    It knows tokens, plugins and certificates that the file holds, and takes its time to import.

    Raises:
        EnvironmentFault: if the kubeconfig can't be used.
    """
    from kubernetes import config

    try:
        client = config.new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig)
        )
    except (config.ConfigException, OSError) as error:
        raise EnvironmentFault(f"{kubeconfig}: {error}") from error
    settings = client.configuration

    def headers() -> Mapping[str, str]:
        token = settings.get_api_key_with_prefix("BearerToken", alias="authorization")
        return {"Authorization": token} if token else {}

    return Connections(settings.host, client.rest_client.pool_manager, headers)
