"""Monitors and Services of the API to endpoints, by the readers that read a policy's manifests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from scalecert.documents import Document, parse_documents
from scalecert.errors import UsageError
from scalecert.policy.model import Monitor, Service
from scalecert.policy.monitors import MONITOR_KINDS, read_monitor
from scalecert.policy.targets import read_service
from scalecert.worlds.local.monitors.prometheus_config import ScrapedEndpoint


@dataclass(frozen=True, slots=True)
class Read:
    """What monitors of the API say: their endpoints, and a line for each that can't be read."""

    endpoints: tuple[ScrapedEndpoint, ...]
    problems: tuple[str, ...]


def read_monitors(monitors: Mapping[str, Iterable[bytes]], services: Iterable[bytes]) -> Read:
    """Return what is to be scraped.

    Args:
        monitors: objects of each kind of `MONITOR_KINDS`, as the API has them.
        services: of all namespaces.
    """
    known = _services(services)
    endpoints: list[ScrapedEndpoint] = []
    problems: list[str] = []
    for kind in MONITOR_KINDS:
        for document in sorted(_documents(kind, monitors.get(kind, ())), key=lambda one: one.file):
            try:
                endpoints += _endpoints(document, known)
            except UsageError as error:
                problems.append(str(error))
    return Read(tuple(endpoints), tuple(problems))


def _endpoints(
    document: Document, services: Mapping[str, Sequence[Service]]
) -> list[ScrapedEndpoint]:
    """Return the endpoints of one monitor, which has a Service's pods in its namespace alone."""
    if document.get_text("kind") != "ServiceMonitor":
        return _named(document.file, read_monitor(document, ()))
    found: list[ScrapedEndpoint] = []
    for namespace, there in services.items():
        read = read_monitor(document, there)
        ends = tuple(replace(one, namespaces=(namespace,)) for one in read.endpoints)
        found += _named(f"{document.file}/{namespace}", replace(read, endpoints=ends))
    return found


def _named(name: str, monitor: Monitor) -> list[ScrapedEndpoint]:
    pairs = zip(monitor.endpoints, monitor.paths, strict=True)
    return [
        ScrapedEndpoint(f"{name}/{number}", config, path)
        for number, (config, path) in enumerate(pairs)
    ]


def _services(objects: Iterable[bytes]) -> dict[str, list[Service]]:
    """Return the Services by namespace; one without a selector stands for no pod that is known."""
    found: dict[str, list[Service]] = {}
    for document in _documents("Service", objects):
        service = read_service(document)
        if service.selector:
            found.setdefault(service.namespace, []).append(service)
    return found


def _documents(kind: str, objects: Iterable[bytes]) -> Iterator[Document]:
    """Return objects as documents, called `Kind/namespace/name`, without what the server adds."""
    for raw in objects:
        value = json.loads(raw)
        value["metadata"].pop("managedFields", None)
        value.pop("status", None)
        value["kind"] = kind
        meta = value["metadata"]
        name = "/".join(filter(None, (kind, meta.get("namespace"), meta["name"])))
        yield from parse_documents(json.dumps(value).encode(), name)
