"""An engine's metric families as a table, and what a version of it exposes.

Each engine's `metrics` has its table, and the names that are written for another's; the samples
are those of its `exposition`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from scalecert.engines.base import Limits, MetricInfo, RequestSizes
from scalecert.engines.versions import ALL_VERSIONS, Versions

_SERIES_ENDS = ("", "_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Family:
    """One family and the versions that expose it.

    `buckets` are a histogram's bounds without infinity; what else is known is `MetricInfo`'s.
    """

    name: str
    kind: str
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    maximum: Callable[[Limits], float] | None = None
    usual_maximum: Callable[[Limits, RequestSizes], float] | None = None
    versions: Versions = ALL_VERSIONS

    def info(self) -> MetricInfo:
        """Return what is known of it without running anything."""
        return MetricInfo(
            name=self.name,
            kind=self.kind,
            unit=self.unit,
            labels=self.labels,
            maximum=self.maximum,
            usual_maximum=self.usual_maximum,
            help=self.help,
        )


def families_in(version: str, table: Iterable[Family]) -> Mapping[str, MetricInfo]:
    """Return what is known of the families that a version exposes, by name."""
    return MappingProxyType({one.name: one.info() for one in table if version in one.versions})


def renamed_series(
    name: str, exposed: Mapping[str, MetricInfo], meant: Callable[[str], Iterable[str]]
) -> str | None:
    """Return the series that is exposed in place of the series `name`, None if there is none.

    Args:
        name: of a family, or of a histogram's series (`..._bucket`).
        exposed: the families that there are.
        meant: the families that a family's name may stand for, the likeliest first.
    """
    for end in _SERIES_ENDS:
        if not name.endswith(end):
            continue
        for family in meant(name.removesuffix(end)):
            if family + end != name and family in exposed:
                return family + end
    return None
