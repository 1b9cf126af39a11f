"""Which model of the engine profiles a model id means: `meta-llama/Llama-2-7b-chat-hf`."""

from __future__ import annotations

import re

_SAME_SHAPE = frozenset({"hf", "chat", "instruct", "it", "base", "meta", "text", "bf16", "fp16"})
"""Words of an id that change neither the model's shape nor the width of its weights."""


def means_model(model_id: str, name: str) -> bool:
    """Tell whether an id (or a folder) is the model that profiles call `name`: `llama-2-7b`.

    Words such as `chat` or `Instruct` do not matter; others (`AWQ`, `FP8`) make another model.
    """
    words = _words(model_id.rstrip("/").rpartition("/")[2])
    return [word for word in words if not _is_neutral(word)] == _words(name)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[-_\s]+", text.lower()) if word]


def _is_neutral(word: str) -> bool:
    return word in _SAME_SHAPE or re.fullmatch(r"v\d+(\.\d+)*", word) is not None
