"""The comparison as a table, and the differences that are accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jetstream_golden.claims import Fact
from jetstream_golden.record import Record
from jetstream_golden.scripts import Script

Records = Mapping[Script, Record]


@dataclass(frozen=True, slots=True)
class Row:
    """One fact of one script, at real servers and at ours, by name.

    `cause` is that of a difference, where it is known.
    """

    script: str
    fact: str
    real: Mapping[str, str]
    ours: Mapping[str, str]
    cause: str | None

    @property
    def differs(self) -> bool:
        """Whether one of ours has what no real one has."""
        return not set(self.ours.values()) <= set(self.real.values())

    @property
    def accounted_for(self) -> bool:
        """Whether a difference is known, and what is known is a difference."""
        return self.differs == (self.cause is not None)

    @property
    def verdict(self) -> str:
        """Return what the table says of it."""
        if self.differs:
            return "**no**"
        if len({*self.real.values(), *self.ours.values()}) == 1:
            return "yes"
        return "with " + " and ".join(
            name for name, value in self.real.items() if value in self.ours.values()
        )


def rows(
    facts: Mapping[Script, Mapping[str, Fact]],
    real: Mapping[str, Records],
    ours: Mapping[str, Records],
    causes: Mapping[tuple[str, str], str],
) -> Iterator[Row]:
    """Yield the rows of the table, script by script."""
    for script, of in facts.items():
        for fact, say in of.items():
            values = (
                {who: say(records[script]) for who, records in some.items()}
                for some in (real, ours)
            )
            yield Row(script.name, fact, *values, causes.get((script.name, fact)))


def markdown(table: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of the table."""
    names = (*table[0].real, *table[0].ours)
    yield _line("script", "fact", *names, "same?")
    yield _line(*["---"] * (len(names) + 3))
    causes = list(dict.fromkeys(row.cause for row in table if row.cause))
    for row in table:
        mark = f" ({causes.index(row.cause) + 1})" if row.cause else ""
        values = (*row.real.values(), *row.ours.values())
        yield _line(row.script, row.fact, *values, row.verdict + mark)
    yield ""
    yield from (f"{place}. {cause}" for place, cause in enumerate(causes, start=1))


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
