"""Which metric families are exposed, under which series names, and which are wanted.

Names in policies and rules are names of series (`..._bucket`), engines and exporters are asked for
families.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from scalecert.engines.base import MetricInfo
from scalecert.metrics.relabel import RelabelRule, relabel
from scalecert.metrics.tsdb import NAME_LABEL

UNKNOWN = "unknown"
"""The kind of a series of which no metadata are known."""

_PARTS = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}


class Catalogue:
    """The families of one engine version, and of the exporters beside it.

    Args:
        metrics: every family that is exposed, by name.
    """

    def __init__(self, metrics: Mapping[str, MetricInfo]) -> None:
        self._family_of: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        """Kind of each series name; parts of histograms and summaries are counters."""
        for family, info in metrics.items():
            for part in _PARTS.get(info.kind, ("",)):
                name = family + part
                self._family_of[name] = family
                self.kinds[name] = info.kind if not part else "counter"

    def add_names(self, rules: Sequence[RelabelRule]) -> None:
        """Note the names that series have after a monitor's relabelling.

        Metadata go by the exposed name, so of a name that only relabelling made nothing is known:
        Managed Service for Prometheus takes it for `unknown` (GoogleCloudPlatform/prometheus,
        google/export/export.go, `withUntypedDefaultMetadata`).
        """
        for name in list(self._family_of):
            renamed = (relabel({NAME_LABEL: name}, rules) or {}).get(NAME_LABEL, name)
            self._family_of.setdefault(renamed, self._family_of[name])
            self.kinds.setdefault(renamed, UNKNOWN)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all series."""
        return iter(self._family_of)

    def families(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the families that the series `names` belong to, sorted; unknown names have none.

        A name may be a family's own, although a histogram has no series of that name.
        """
        known = set(self._family_of.values())
        found = {self._family_of.get(name, name) for name in names}
        return tuple(sorted(found & known))
