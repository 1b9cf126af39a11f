"""Prometheus relabelling: rules that keep, drop or rewrite targets and samples by their labels.

The actions are those that monitors of LLM servers use; the semantics are Prometheus' own
(prometheus.io/docs, `relabel_config`): regexes match the whole joined source value, `replace`
with an empty result removes the target label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from scalecert.documents import DocumentPart

ACTIONS = (
    "replace",
    "keep",
    "drop",
    "labeldrop",
    "labelkeep",
    "labelmap",
    "lowercase",
    "uppercase",
)


class RelabelRule(DocumentPart, frozen=True):
    """One entry of `relabelings` or `metricRelabeling`, with Prometheus' defaults."""

    action: str = "replace"
    source_labels: tuple[str, ...] = ()
    separator: str = ";"
    regex: str = "(.*)"
    target_label: str = ""
    replacement: str = "$1"

    @property
    def verb(self) -> str:
        """The action in lower case: the Prometheus Operator takes `Keep` as well as `keep`."""
        return self.action.lower()

    def problem(self) -> str | None:
        """Return what is wrong with the rule, None if it can be applied."""
        if self.verb not in ACTIONS:
            return f"found action {self.action!r}, expected one of {', '.join(ACTIONS)}"
        try:
            re.compile(self.regex)
        except re.error as fault:
            return f"found regex {self.regex!r}, which is invalid: {fault}"
        return None


def relabel(labels: Mapping[str, str], rules: Sequence[RelabelRule]) -> dict[str, str] | None:
    """Return the labels after every rule in turn, None if a rule dropped their bearer."""
    result = dict(labels)
    for rule in rules:
        if rule.verb.startswith("label"):
            result = _apply_to_names(rule, result)
        elif rule.verb in ("keep", "drop"):
            if (_match(rule, result) is not None) == (rule.verb == "drop"):
                return None
        else:
            _rewrite(rule, result)
    return result


def _source(rule: RelabelRule, labels: Mapping[str, str]) -> str:
    return rule.separator.join(labels.get(label, "") for label in rule.source_labels)


def _match(rule: RelabelRule, labels: Mapping[str, str]) -> re.Match[str] | None:
    return re.fullmatch(rule.regex, _source(rule, labels), re.DOTALL)


def _rewrite(rule: RelabelRule, labels: dict[str, str]) -> None:
    if rule.verb in ("lowercase", "uppercase"):
        source = _source(rule, labels)
        value = source.lower() if rule.verb == "lowercase" else source.upper()
    else:
        match = _match(rule, labels)
        if match is None:
            return
        value = expand(rule.replacement, match)
    if value:
        labels[rule.target_label] = value
    else:
        labels.pop(rule.target_label, None)


def _apply_to_names(rule: RelabelRule, labels: Mapping[str, str]) -> dict[str, str]:
    matched = {name: re.fullmatch(rule.regex, name) for name in labels}
    if rule.verb == "labelmap":
        mapped = {expand(rule.replacement, m): labels[name] for name, m in matched.items() if m}
        return {**labels, **mapped}
    keep_matching = rule.verb == "labelkeep"
    return {name: labels[name] for name, m in matched.items() if (m is not None) == keep_matching}


_REFERENCE = re.compile(r"\$(?:(\w+)|\{(\w+)\}|(\$))")


def expand(template: str, match: re.Match[str]) -> str:
    """Return a Go regexp replacement (`$1`, `${name}`, `$$`) with the groups of `match` put in.

    As in Go, `$1x` means the group named `1x`, and a group that does not exist is empty.
    """

    def put(reference: re.Match[str]) -> str:
        if reference[3]:
            return "$"
        name = reference[1] or reference[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(put, template)
