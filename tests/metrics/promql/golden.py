"""Reading promtool's unit test files: series notation, labels, cases."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from scalecert.metrics.promql import parse
from scalecert.metrics.promql.syntax import VectorSelector
from scalecert.metrics.tsdb import TimeSeriesDatabase
from scalecert.units import parse_duration_seconds

FILE = Path(__file__).resolve().parents[3] / "fixtures/golden/promql/subset.yaml"
_RUN = re.compile(r"(?P<start>-?[\d.]+)(?:(?P<step>[+-][\d.]+))?x(?P<count>\d+)")


@dataclass(frozen=True)
class Case:
    """One query at one time with its samples, values by labels."""

    query: str
    time: float
    samples: dict[frozenset[tuple[str, str]], float]


def labels_of(text: str) -> dict[str, str]:
    """Return the labels of a series as promtool writes it."""
    if text == "{}":
        return {}
    selector = parse(text)
    assert isinstance(selector, VectorSelector)
    return {matcher.label: matcher.value for matcher in selector.matchers}


def expand(notation: str) -> list[float | str]:
    """Return the samples of promtool's notation: numbers, `_` for none, `stale`."""
    samples: list[float | str] = []
    for word in notation.split():
        run = _RUN.fullmatch(word)
        if run:
            start, step = float(run["start"]), float(run["step"] or 0)
            samples += [start + step * index for index in range(int(run["count"]) + 1)]
        elif word.startswith("_"):
            samples += ["_"] * int(word[2:] or 1)
        else:
            samples.append(word if word == "stale" else float(word))
    return samples


@cache
def load() -> tuple[TimeSeriesDatabase, tuple[Case, ...]]:
    """Return the file's storage and cases."""
    test = yaml.load(FILE.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))["tests"][0]  # noqa: S506
    interval = parse_duration_seconds(test["interval"])
    database = TimeSeriesDatabase(math.inf)
    for given in test["input_series"]:
        series = database.series(labels_of(given["series"]))
        for index, sample in enumerate(expand(given["values"])):
            if sample == "stale":
                series.mark_stale(index * interval)
            elif isinstance(sample, float):
                series.append(index * interval, sample)
    return database, tuple(_case(one) for one in test["promql_expr_test"])


def _case(given: dict) -> Case:
    samples = {
        frozenset(labels_of(one["labels"]).items()): float(one["value"])
        for one in given.get("exp_samples", ())
    }
    return Case(given["expr"], parse_duration_seconds(given["eval_time"]), samples)
