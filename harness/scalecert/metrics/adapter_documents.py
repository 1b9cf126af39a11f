"""The configuration of prometheus-adapter (`config.yaml` in its ConfigMap) as typed values.

Fields are those of its pkg/config/config.go, which refuses unknown ones too.
`adapter_config.read_rules` turns them into rules that can be applied.
"""

from __future__ import annotations

import msgspec

from scalecert.documents import DocumentPart


class RegexFilter(DocumentPart, frozen=True):
    """A condition on series names; exactly one of the two is set."""

    is_: str = msgspec.field(name="is", default="")
    is_not: str = ""


class GroupResource(DocumentPart, frozen=True):
    """A Kubernetes resource, singular or plural."""

    resource: str
    group: str = ""


class ResourceMapping(DocumentPart, frozen=True):
    """Which labels name which Kubernetes resources."""

    template: str = ""
    overrides: dict[str, GroupResource] = msgspec.field(default_factory=dict)
    namespaced: bool = True


class NameMapping(DocumentPart, frozen=True):
    """How a series' name becomes the API's."""

    matches: str = ""
    as_: str = msgspec.field(name="as", default="")


class LabelValueReplacement(DocumentPart, frozen=True):
    """Text to replace in label values."""

    find: str = ""
    replace: str = ""


class RuleDocument(DocumentPart, frozen=True):
    """One entry of `rules` or `externalRules`."""

    series_query: str
    metrics_query: str
    series_filters: tuple[RegexFilter, ...] = ()
    resources: ResourceMapping = ResourceMapping()
    name: NameMapping = NameMapping()
    label_value_replacements: tuple[LabelValueReplacement, ...] = ()


class ConfigDocument(DocumentPart, frozen=True):
    """The whole configuration.

    `resource_rules` read cAdvisor's series, which no world has: metrics-server answers for CPU and
    memory.
    """

    rules: tuple[RuleDocument, ...] = ()
    external_rules: tuple[RuleDocument, ...] = ()
    resource_rules: object = None
