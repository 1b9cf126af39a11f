"""A metrics page as Prometheus' client library for Python writes it (`generate_latest`).

Each family has its samples and, if it is a counter, a histogram or a summary, a gauge of its own
that says since when each of its series exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scalecert.engines.base import MetricInfo, Sample
from scalecert.engines.python_client import written

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
"""Of a page, since version 0.22 of the library."""

Labels = Mapping[str, str]
Family = tuple[MetricInfo, Sequence[Sample]]
Created = float | Callable[[Labels], float] | None

_SINCE_KINDS = {"counter", "histogram", "summary"}


def python_client_page(families: Iterable[Family], created_unix_seconds: Created) -> bytes:
    """Return the page of metric families in their order.

    Args:
        families: each with its samples now; one without samples has its head alone.
        created_unix_seconds: since when all series exist, or that of a series by its labels; None
            if that is not shown, as of what collectors of the library's own read.
    """
    lines = (
        line for info, samples in families for line in _family(info, samples, created_unix_seconds)
    )
    return "".join(lines).encode()


def _family(info: MetricInfo, samples: Sequence[Sample], created: Created) -> Iterator[str]:
    text = info.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {info.name} {text}\n# TYPE {info.name} {info.kind}\n"
    for sample in _counted_first(samples):
        yield _line(sample.name, sample.labels, sample.value)
    if info.kind not in _SINCE_KINDS or created is None or not samples:
        return
    name = f"{info.name.removesuffix('_total') if info.kind == 'counter' else info.name}_created"
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    for labels in _series(info, samples):
        yield _line(name, labels, created if isinstance(created, float) else created(labels))


def _counted_first(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield samples with a histogram's count before its sum."""
    total: Sample | None = None
    for sample in samples:
        if sample.name.endswith("_sum"):
            total = sample
            continue
        yield sample
        if total is not None and sample.name.endswith("_count"):
            yield total
            total = None
    if total is not None:
        yield total


def _series(info: MetricInfo, samples: Sequence[Sample]) -> Iterator[Labels]:
    """Yield the labels of each series of a family once."""
    one_each = info.name if info.kind == "counter" else f"{info.name}_count"
    return (sample.labels for sample in samples if sample.name == one_each)


def _line(name: str, labels: Labels, value: float) -> str:
    if not labels:
        return f"{name} {written(value)}\n"
    shown = ",".join(f'{label}="{_escaped(labels[label])}"' for label in sorted(labels))
    return f"{name}{{{shown}}} {written(value)}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
