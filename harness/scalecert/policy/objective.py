"""The objective: the latency limits to hold, `ttft_p95=2s,tpot_p95=100ms`. Never assumed.

It comes from `--objective`, else from the annotation `scalecert.dev/objective` on the HPA or its
target; `--objective` may name a file, of `kind: Objective` or of plain text.

Limits on TPOT or mean time per token alone are refused: they begin with the first token, or when
the server takes a request in, so that it may wait in a queue for an hour and keep them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast, get_args

from scalecert.documents import DocumentPart, closest, load_document
from scalecert.errors import UsageError
from scalecert.policy.model import Place, Policy
from scalecert.recording.latencies import FROM_ARRIVAL, in_words
from scalecert.recording.plan import LatencyMetric, ObjectiveTerm
from scalecert.units import parse_duration_seconds

ANNOTATION = "scalecert.dev/objective"
METRICS: tuple[LatencyMetric, ...] = get_args(LatencyMetric)
EXAMPLE = "ttft_p95=2s,tpot_p95=100ms"

_NAME = re.compile(r"([a-z0-9_]+)_p(\d+(?:\.\d+)?)")
_COMMON = (50, 90, 95, 99)
_LOWEST_PERCENT, _HIGHEST_PERCENT = 50, 99.9


@dataclass(frozen=True, slots=True)
class Objective:
    """Limits that must all hold, and where they were written."""

    terms: tuple[ObjectiveTerm, ...]
    source: str

    def text(self) -> str:
        """Return the canonical text, in the order given."""
        return ",".join(term.text() for term in self.terms)


class _Metadata(DocumentPart, frozen=True):
    name: str = ""


class _ObjectiveDocument(DocumentPart, frozen=True):
    """`spec` has one limit per term: `ttft_p95: 2s`."""

    api_version: str
    kind: str
    spec: dict[str, str]
    metadata: _Metadata = _Metadata()


def resolve_objective(policy: Policy, given: str | None = None) -> Objective:
    """Return the objective of a policy.

    Args:
        policy: whose annotations are looked at.
        given: what `--objective` says, text or a file.

    Raises:
        UsageError: if there is none, or it can't be understood.
    """
    if given is not None:
        return _from_option(given)
    text = policy.annotations.get(ANNOTATION)
    if text is not None:
        place = policy.place(f"metadata.annotations[{ANNOTATION}]")
        return parse_objective(text, source=f"annotation of the HPA, {place}", place=place)
    if policy.target is not None and ANNOTATION in policy.target.annotations:
        place = policy.target.place
        source = f"annotation of the {policy.target.kind}, {place}"
        return parse_objective(policy.target.annotations[ANNOTATION], source=source, place=place)
    place = policy.place()
    raise UsageError(
        f"found no objective for {policy.name}, expected latency limits",
        file=place.file,
        line=place.line,
        hint=f"--objective {EXAMPLE}, or the annotation {ANNOTATION}",
    )


def parse_objective(text: str, *, source: str, place: Place | None = None) -> Objective:
    """Return the objective that a text such as `ttft_p95=2s,tpot_p95=100ms` states.

    Args:
        text: terms `<metric>_p<percent>=<duration>`, separated by commas.
        source: where it was written, for provenance.
        place: for messages; None: it was an option of the command line.

    Raises:
        UsageError: for the first term that can't be understood.
    """
    file = place.file if place else None
    line = place.line if place else None
    field = ANNOTATION if place else "--objective"
    terms: list[ObjectiveTerm] = []
    try:
        for part in (item.strip() for item in text.split(",")):
            terms.append(_term(part))
            _check_new(terms)
        _check_sees_queueing(terms)
    except _TermError as error:
        raise UsageError(str(error), file=file, line=line, field=field, hint=error.hint) from error
    return Objective(tuple(terms), source)


def _from_option(given: str) -> Objective:
    path = Path(given)
    if path.suffix in (".yaml", ".yml", ".json"):
        document = load_document(path, "Objective", _ObjectiveDocument)
        text = ",".join(f"{name}={limit}" for name, limit in document.spec.items())
        return parse_objective(text, source=given, place=Place(given, 1))
    if "=" not in given and path.is_file():
        return parse_objective(_plain_text(path), source=given, place=Place(given, 1))
    return parse_objective(given, source="--objective")


def _plain_text(path: Path) -> str:
    """Return the terms of a text file: on lines or between commas, `#` begins a comment."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't be read: {error}", file=str(path)) from error
    terms = (line.partition("#")[0].strip().strip(",") for line in lines)
    return ",".join(term for term in terms if term)


class _TermError(ValueError):
    """A term that can't be understood, with the next step."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.hint = hint


def _term(text: str) -> ObjectiveTerm:
    name, equals, limit = (part.strip() for part in text.partition("="))
    match = _NAME.fullmatch(name)
    if not equals or match is None or match[1] not in METRICS:
        raise _TermError(f"found {text!r}, expected terms such as {EXAMPLE}", _hint(name))
    percent = Decimal(match[2])
    if not _LOWEST_PERCENT <= percent <= Decimal(str(_HIGHEST_PERCENT)):
        problem = (
            f"found {name}, expected a percentile from p{_LOWEST_PERCENT} to p{_HIGHEST_PERCENT}"
        )
        raise _TermError(problem)
    try:
        seconds = parse_duration_seconds(limit)
    except ValueError as error:
        raise _TermError(f"{name}: {error}") from error
    if seconds <= 0:
        raise _TermError(f"found {text!r}, expected a limit above zero")
    metric = cast("LatencyMetric", match[1])
    return ObjectiveTerm(metric=metric, quantile=float(percent / 100), limit_seconds=seconds)


def _hint(name: str) -> str | None:
    near = closest(name, [f"{metric}_p{percent}" for metric in METRICS for percent in _COMMON])
    return f"did you mean {near}?" if near else f"metrics are {', '.join(METRICS)}"


def _check_new(terms: list[ObjectiveTerm]) -> None:
    last = terms[-1]
    if any((one.metric, one.quantile) == (last.metric, last.quantile) for one in terms[:-1]):
        raise _TermError(f"found {last.metric}_p{last.quantile * 100:g} twice, expected one limit")


def _check_sees_queueing(terms: list[ObjectiveTerm]) -> None:
    if any(term.metric in FROM_ARRIVAL for term in terms):
        return
    found = ",".join(term.text() for term in terms)
    names = " and ".join(dict.fromkeys(in_words(term.metric) for term in terms))
    raise _TermError(
        f"found {found}, expected a limit from arrival too: queueing is left out of {names}",
        f"add {' or '.join(FROM_ARRIVAL)}",
    )
