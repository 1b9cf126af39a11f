"""The model of a JetStream server, by its arguments.

MaxText's names have no dash before the generation (`llama2-7b`), PyTorch's leave the size to
another flag (`--model_name=llama-2 --size=7b`); both are brought to the form of the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from scalecert.engines.flags import last_value

_GENERATION = re.compile(r"^([a-z]+)(\d)")


def model_of(words: Sequence[str]) -> tuple[str, str] | None:
    """Return the model that the server loads and where that is said."""
    named = last_value(words, ("model_name", "--model_name", "--model-name"))
    size = last_value(words, ("--size",))
    model_id = last_value(words, ("--model_id", "--model-id"))
    if model_id:
        return model_id, "args"
    if not named:
        return None
    name = _GENERATION.sub(r"\1-\2", named)
    return (f"{name}-{size}" if size else name), "args"
