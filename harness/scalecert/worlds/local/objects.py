"""The objects of a trial in the API server: put there as a user would, and cleared away again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scalecert.documents import Plain
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.lines import one_line

Manifest = Mapping[str, Plain]

_LIMIT_SECONDS = 30.0
_LEFT_BEHIND = "pods,replicasets,controllerrevisions,events"
"""What controllers and agents made of a trial's own objects."""


@dataclass(frozen=True, slots=True)
class Objects:
    """kubectl on one API server: server-side apply, and deletion that waits for nobody.

    `folder` is kubectl's home: what it caches goes there.
    """

    kubectl: Path
    kubeconfig: Path
    folder: Path

    def apply(self, manifests: Sequence[Manifest], *, dry_run: bool = False) -> None:
        """Apply manifests; or have the API server look at them alone.

        Raises:
            UsageError: with the API server's words, if it refuses one.
            EnvironmentFault: if it does not answer.
        """
        words = ["apply", "--server-side", "-f", "-", *(["--dry-run=server"] if dry_run else [])]
        done = self._run(words, _list_of(manifests))
        if done.returncode != 0:
            said = one_line(done.stderr.strip())
            if "refused" in said and "connection" in said:
                raise EnvironmentFault(f"kubectl apply: {said}")
            raise UsageError(f"the API server refuses it: {said}", field="kubectl apply")

    def clear(self, manifests: Sequence[Manifest]) -> None:
        """Delete manifests and whatever came of them, at once; controllers must have been stopped.

        Raises:
            EnvironmentFault: if the API server does not let them go.
        """
        self.delete(manifests)
        for namespace in namespaces_of(manifests):
            self._delete([_LEFT_BEHIND, "--all", "-n", namespace, "--force"])

    def delete(self, manifests: Sequence[Manifest]) -> None:
        """Delete manifests, as far as they are there.

        Raises:
            EnvironmentFault: if the API server does not let them go.
        """
        self._delete(["-f", "-"], _list_of(manifests))

    def delete_nodes(self) -> None:
        """Delete every node.

        Raises:
            EnvironmentFault: if the API server does not let them go.
        """
        self._delete(["nodes", "--all"])

    def _delete(self, words: Sequence[str], given: bytes = b"") -> None:
        flags = ["--ignore-not-found", "--wait=false", "--cascade=background", "--grace-period=0"]
        done = self._run(["delete", *words, *flags], given)
        if done.returncode != 0:
            raise EnvironmentFault(f"kubectl delete: {one_line(done.stderr.strip())}")

    def _run(self, words: Sequence[str], given: bytes) -> subprocess.CompletedProcess[str]:
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *words]
        try:
            return subprocess.run(  # noqa: S603 - our binary, no shell
                command,
                input=given.decode(),
                env={"HOME": str(self.folder)},
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFault(
                f"kubectl {words[0]} took more than {_LIMIT_SECONDS:g} s"
            ) from error


def namespaces_of(manifests: Iterable[Manifest]) -> list[str]:
    """Return the namespaces that manifests are in; `default` is that of those which say none."""
    metadata: list[Any] = [one["metadata"] for one in manifests]
    return sorted({"default", *(one.get("namespace") or "default" for one in metadata)})


def _list_of(manifests: Sequence[Manifest]) -> bytes:
    listed: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    return msgspec.json.encode(listed)
