"""ConfigMaps of prometheus-adapter: the rules inside, parsed, with lines of the user's file.

What the rules mean is the metric pipeline's business (`scalecert.metrics`).
"""

from __future__ import annotations

from scalecert.documents import Document, decode, parse_documents
from scalecert.policy.manifests import ConfigMapDocument
from scalecert.policy.model import AdapterRules, Place

RULE_KEYS = ("rules", "externalRules", "resourceRules")


def read_rules(document: Document) -> AdapterRules | None:
    """Return the adapter rules in a ConfigMap, None if it holds something else.

    Any key may hold them (`config.yaml` in the adapter's chart): what counts is a YAML mapping
    with one of `RULE_KEYS`.

    Raises:
        UsageError: if text with such a key is not YAML.
    """
    read = decode(document, ConfigMapDocument)
    for key, text in read.data.items():
        if not any(f"{name}:" in text for name in RULE_KEYS):
            continue
        line = document.line_of(f"data[{key}]")
        # Blank lines in front give every line the number that it has in the file around it.
        for inner in parse_documents(b"\n" * line + text.encode(), document.file):
            if isinstance(inner.value, dict) and inner.value.keys() & set(RULE_KEYS):
                place = Place(document.file, line)
                return AdapterRules(read.metadata.name, read.metadata.namespace, place, inner)
    return None
