"""Manifests to policies: the way in.

paths -> documents -> (HPAs, targets, monitors, rules, Services, the rest) -> one Policy an HPA
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from scalecert.documents import Document, Plain, sha256_digest
from scalecert.errors import UsageError
from scalecert.policy.hpa_document import HpaManifest, read_hpa
from scalecert.policy.model import AdapterRules, Monitor, Policy, Service, Target
from scalecert.policy.monitors import MONITOR_KINDS, read_monitor
from scalecert.policy.refusals import (
    HPA_KIND,
    check_hpa_version,
    check_keda,
    check_no_template,
    check_placeholders,
    no_hpa,
)
from scalecert.policy.rules import read_rules
from scalecert.policy.sources import read_sources
from scalecert.policy.targets import TARGET_KINDS, read_service, read_target

DEFAULT_NAMESPACE = "default"

_SERVER_METADATA = ("managedFields", "uid", "resourceVersion", "generation", "creationTimestamp",
                    "selfLink")  # fmt: skip
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...


T = TypeVar("T", bound=_Named)
Read = tuple[T, Document]


@dataclass(frozen=True, slots=True)
class _Input:
    """Everything in the input that ScaleCert reads, each with the document it came from."""

    hpas: list[Read[HpaManifest]]
    targets: list[Read[Target]]
    services: list[Read[Service]]
    monitors: list[Read[Monitor]]
    rules: list[Read[AdapterRules]]
    ignored: tuple[str, ...]


def load_policies(
    paths: Sequence[str], sets: Mapping[str, str] | None = None
) -> tuple[Policy, ...]:
    """Read the policies in files, folders and standard input (`-`), one for each HPA.

    Args:
        paths: what the user named, in order.
        sets: values of placeholders, by name (`--set`).

    Returns:
        The policies in the order of their HPAs in the input; their names differ.

    Raises:
        UsageError: if anything in the input that ScaleCert reads can't be used.
    """
    documents = read_sources(paths, sets or {})
    of_kind = {
        kind: [d for d in documents if d.get_text("kind") == kind] for kind in _kinds(documents)
    }
    hpas = of_kind.get(HPA_KIND, [])
    check_keda(documents, hpas)
    if not hpas:
        raise _nothing_to_certify(documents)
    for document in hpas:
        check_hpa_version(document)
    found = _read(documents, of_kind)
    policies = [_policy(hpa, document, found) for hpa, document in found.hpas]
    return _told_apart([replace(one, rivals=_rivals(one, policies)) for one in policies])


def _rivals(policy: Policy, policies: Sequence[Policy]) -> tuple[str, ...]:
    """Return the names of the other HPAs that scale what a policy's does."""
    wanted = policy.hpa.scale_target_ref
    return tuple(
        one.name
        for one in policies
        if one is not policy
        and one.namespace == policy.namespace
        and (one.hpa.scale_target_ref.kind, one.hpa.scale_target_ref.name)
        == (wanted.kind, wanted.name)
    )


def _told_apart(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    """Return the policies, those of one name in several namespaces as `name.namespace`."""
    names = Counter(policy.name for policy in policies)
    return tuple(
        replace(policy, name=f"{policy.name}.{policy.namespace}")
        if names[policy.name] > 1
        else policy
        for policy in policies
    )


def _kinds(documents: Iterable[Document]) -> set[str]:
    return {document.get_text("kind") for document in documents}


def _nothing_to_certify(documents: Sequence[Document]) -> UsageError:
    for document in documents:
        if not isinstance(document.value, dict):
            return document.error("found no mapping, expected a manifest with apiVersion and kind")
        check_no_template(document)
    return no_hpa(documents)


def _read(documents: Sequence[Document], of_kind: Mapping[str, list[Document]]) -> _Input:
    services = _unique(of_kind, ["Service"], read_service)
    maps = of_kind.get("ConfigMap", [])
    rules = [(read, document) for document in maps if (read := read_rules(document)) is not None]
    known = {HPA_KIND, "Service", *TARGET_KINDS, *MONITOR_KINDS}
    used = {id(document) for _, document in rules}
    return _Input(
        hpas=_unique(of_kind, [HPA_KIND], read_hpa),
        targets=_unique(of_kind, TARGET_KINDS, read_target),
        services=services,
        monitors=_unique(
            of_kind, MONITOR_KINDS, lambda one: read_monitor(one, [read for read, _ in services])
        ),
        rules=rules,
        ignored=tuple(
            f"{one.get_text('kind') or 'no kind'}/{one.get_text('metadata.name')}".rstrip("/")
            for one in documents
            if one.get_text("kind") not in known and id(one) not in used
        ),
    )


def _unique(
    of_kind: Mapping[str, list[Document]], kinds: Sequence[str], reader: Callable[[Document], T]
) -> list[Read[T]]:
    """Read all documents of some kinds.

    Two that say the same are one; two of one kind, namespace and name that differ, and two HPAs
    of one name in any case, are refused.
    """
    found: list[Read[T]] = []
    seen: dict[tuple[str, str, str], Document] = {}
    for document in (one for kind in kinds for one in of_kind.get(kind, [])):
        check_no_template(document)
        check_placeholders(document)
        read = reader(document)
        if not read.name:
            raise document.error("found no name", field="metadata.name")
        key = (document.get_text("kind"), read.namespace or DEFAULT_NAMESPACE, read.name)
        first = seen.get(key)
        if first is not None and key[0] != HPA_KIND and first.value == document.value:
            continue
        if first is not None:
            raise document.error(
                f"found {key[0]} {read.name} twice, first in {first.file}:{first.line}",
                field="metadata.name",
            )
        seen[key] = document
        found.append((read, document))
    return found


def _policy(hpa: HpaManifest, document: Document, found: _Input) -> Policy:
    target = _target_of(hpa, document, found.targets)
    parts = [document]
    parts += [target[1]] if target is not None else []
    parts += [one for group in (found.monitors, found.rules, found.services) for _, one in group]
    manifests = tuple(_without_server_fields(one) for one in parts)
    namespace = hpa.namespace or (target[0].namespace if target is not None else "")
    return Policy(
        name=hpa.name,
        namespace=namespace or DEFAULT_NAMESPACE,
        hpa=hpa.spec,
        document=document,
        target=target[0] if target is not None else None,
        monitors=tuple(read for read, _ in found.monitors),
        rules=tuple(read for read, _ in found.rules),
        services=tuple(read for read, _ in found.services),
        manifests=manifests,
        documents=tuple(parts),
        digest=sha256_digest(manifests),
        ignored=found.ignored,
        targets=tuple(f"{one.kind} {one.name}" for one, _ in found.targets),
    )


def _target_of(
    hpa: HpaManifest, document: Document, targets: Sequence[Read[Target]]
) -> Read[Target] | None:
    """Return the target that an HPA names; a namespace left out on either side fits any.

    Raises:
        UsageError: if the only object of that kind and name is in another namespace.
    """
    reference = hpa.spec.scale_target_ref
    named = [
        one for one in targets if (one[0].kind, one[0].name) == (reference.kind, reference.name)
    ]
    for one in named:
        if not hpa.namespace or one[0].namespace in ("", hpa.namespace):
            return one
    if not named:
        return None
    raise document.error(
        f"found {reference.kind} {reference.name} in the namespace {named[0][0].namespace} only, "
        f"expected it in {hpa.namespace}, the HPA's own",
        field="spec.scaleTargetRef",
    )


def _without_server_fields(document: Document) -> dict[str, Plain]:
    """Return a manifest as a user would apply it: no status, nothing that a server filled in."""
    value = document.value if isinstance(document.value, dict) else {}
    kept = {key: part for key, part in value.items() if key != "status"}
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        own = {key: part for key, part in metadata.items() if key not in _SERVER_METADATA}
        annotations = metadata.get("annotations")
        if isinstance(annotations, dict):
            own["annotations"] = {k: text for k, text in annotations.items() if k != _LAST_APPLIED}
        kept["metadata"] = own
    return kept
