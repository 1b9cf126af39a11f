"""Errors, and whose fault each one is.

ScaleCertError
├── UsageError         the user's file or flag; exit code 2
├── EnvironmentFault   the world broke (cluster, binary, network): findings become inconclusive
└── HarnessBug         ours: an invariant did not hold
"""

from __future__ import annotations

from functools import partial
from typing import Any

from scalecert.lines import one_line


class ScaleCertError(Exception):
    """Base of every error that ScaleCert raises on purpose."""


class UsageError(ScaleCertError):
    """Something that the user wrote can't be used.

    Its text is one printable line: `file:line: field: found, expected (hint)`.

    Args:
        problem: what was found and what was expected.
        file: the file or flag it was read from.
        line: 1-based line in that file.
        field: the field, as a path (`spec.metrics[0].pods`).
        hint: the next step for the user.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        line: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.field, self.hint = problem, file, line, field, hint
        super().__init__(self._text())

    def __reduce__(self) -> tuple[Any, ...]:
        """Let the error travel between processes, whose pickles don't know keyword arguments."""
        again = partial(
            type(self),
            self.problem,
            file=self.file,
            line=self.line,
            field=self.field,
            hint=self.hint,
        )
        return again, ()

    def in_file(self, file: str) -> UsageError:
        """Return the same error, which names `file` unless it names one already."""
        if self.file is not None:
            return self
        return UsageError(self.problem, file=file, field=self.field, hint=self.hint)

    def in_run(self, run: str) -> UsageError:
        """Return the same error, which says which of a scenario's runs it is about."""
        return UsageError(
            f"in run {run}: {self.problem}",
            file=self.file,
            line=self.line,
            field=self.field,
            hint=self.hint,
        )

    def _text(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        head = ": ".join(part for part in (place, self.field, self.problem) if part)
        text = f"{head} ({self.hint})" if self.hint else head
        return one_line(text)


class EnvironmentFault(ScaleCertError):  # noqa: N818 - a fault of the world is not an error of ours
    """The world could not do its part; what depended on it is inconclusive."""


class HarnessBug(ScaleCertError):  # noqa: N818 - named for what it is
    """An invariant of the harness did not hold."""
