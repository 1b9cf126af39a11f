"""One line of text that a terminal shows as it is: what every message and row is made of.

Names in messages come from files of the user's, or of somebody else's: a line break, a terminal's
control sequence, a direction mark or a megabyte in one must not reach the screen.
"""

from __future__ import annotations

LONGEST = 900
"""Characters of a message; what is longer loses its middle, for place and hint are at the ends."""
_ELLIPSIS = " ... "


def one_line(text: str, longest: int = LONGEST) -> str:
    r"""Return a text as one printable line: breaks become spaces, `\x1b` and the like words.

    Args:
        text: anything, lone surrogates included.
        longest: how many characters are left of it; two thirds of them are its beginning.
    """
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
    if len(line) <= longest:
        return line
    tail = (longest - len(_ELLIPSIS)) // 3
    return f"{line[: longest - len(_ELLIPSIS) - tail]}{_ELLIPSIS}{line[len(line) - tail :]}"


def printable(value: object) -> object:
    """Return plain data with every text in it as `one_line` has it, keys aside."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, dict):
        return {key: printable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [printable(part) for part in value]
    return value
