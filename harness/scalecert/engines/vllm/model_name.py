"""The model of a vLLM server, by its command line and variables, and the name that it serves it by.

Takes words as a shell has split them. Beside vLLM's own flags, images that wrap it take
`--model-id` or a variable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scalecert.engines.flags import last_value

_MODEL_FLAGS = ("--model", "--model-id", "--model_id")
_NAME_FLAGS = ("--served-model-name", "--served_model_name")
_MODEL_VARIABLES = ("MODEL_ID", "MODEL_NAME", "MODEL")


def model_of(words: Sequence[str], env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the model that the server loads and where that is said (`args` or `env NAME`).

    It is the value of `--model` or `--model-id`, else what follows `serve`, else a variable.
    """
    named = last_value(words, _MODEL_FLAGS) or _served(words)
    if named is not None:
        return named, "args"
    for name in _MODEL_VARIABLES:
        if env.get(name):
            return env[name], f"env {name}"
    return None


def served_name(words: Sequence[str], env: Mapping[str, str]) -> str | None:
    """Return the model name that the server goes by in the API and on its metrics' labels."""
    model = model_of(words, env)
    return last_value(words, _NAME_FLAGS) or (model[0] if model else None)


def _served(words: Sequence[str]) -> str | None:
    """Return the positional model of `vllm serve MODEL`, or of an image that already serves."""
    if "serve" in words:
        index = words.index("serve") + 1
        if index < len(words) and not words[index].startswith("-"):
            return words[index]
    first = words[0] if words else ""
    return first if "/" in first and not first.startswith(("-", "/", ".")) else None
