"""A command line as a user sees it: an exit code, what is shown, and one line of complaint."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fuzz.bounds import check_line

from scalecert import cli

CODES = (0, 1, cli.UNUSABLE_INPUT, cli.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command line came to."""

    code: int
    output: str


def answered(line: Sequence[str], codes: Collection[int] = CODES) -> Answer | None:
    """Run a command line; return None if it refused its input, in one line.

    Its exit code is one of `codes`, whatever it shows is printable, and nothing broke.
    """
    output, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaint):
        code = cli.run(line)
    shown, said = output.getvalue(), complaint.getvalue()
    assert code in codes, f"{code}: {said}"
    assert "internal error" not in said, said
    for each in shown.splitlines():
        assert each.isprintable(), ascii(each[:200])
    if code == cli.UNUSABLE_INPUT:
        check_line(said.removesuffix("\n"))
        return None
    if "--json" in line and shown.lstrip()[:1] in ("{", "["):
        json.loads(shown)
    return Answer(code, shown)
