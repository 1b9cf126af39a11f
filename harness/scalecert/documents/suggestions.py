"""Did you mean: the nearest of the words that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CUTOFF = 0.6


def closest(word: str, candidates: Iterable[str], *, cutoff: float = _CUTOFF) -> str | None:
    """Return the candidate nearest to `word` (letter case aside), None if none is near.

    `cutoff` is the least similarity, 0 to 1, as `difflib.SequenceMatcher.ratio` has it.
    """
    by_folded = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    matches = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=cutoff)
    return by_folded[matches[0]] if matches else None


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return the hint `did you mean X?`; without a near candidate a short list of them all."""
    words = sorted(candidates)
    nearest = closest(word, words)
    if nearest is not None:
        return f"did you mean {nearest}?"
    if words and len(words) <= 8:
        return f"one of {', '.join(words)}"
    return None
