"""Lines of at most 100 columns for the terminal, continued below their own text."""

from __future__ import annotations

import textwrap

COLUMNS = 100


def wrapped(text: str, first: str = "") -> list[str]:
    """Return `first` and the text behind it as lines; later ones are indented as far as `first`."""
    lines = textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]
