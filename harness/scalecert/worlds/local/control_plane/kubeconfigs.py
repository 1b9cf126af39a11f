"""kubeconfig files: how a client finds the API server and proves who it is."""

from __future__ import annotations

import os
from pathlib import Path

from scalecert.documents import canonical_json
from scalecert.worlds.local.control_plane.certificates import KeyPair


def write_kubeconfig(path: Path, *, api_url: str, ca: Path, client: KeyPair) -> Path:
    """Write a kubeconfig with mode 0600, and return its path.

    It names the certificates' files instead of holding them: the Python client writes what a
    kubeconfig holds into temporary files, which stay when its process is killed.

    Raises:
        OSError: if it exists or can't be written.
    """
    name = "scalecert"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": api_url, "certificate-authority": str(ca)}}
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate": str(client.certificate),
                    "client-key": str(client.key),
                },
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(canonical_json(config))
    return path
