"""The command line that a container runs, and the model on it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from scalecert.documents.placeholders import substitute
from scalecert.policy.model import Container

_REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_MODEL_FLAGS = ("--model", "--model-id", "--model_id")
_NAME_FLAGS = ("--served-model-name", "--served_model_name")
_MODEL_VARIABLES = ("MODEL_ID", "MODEL_NAME", "MODEL")


def command_line(container: Container) -> tuple[str, ...]:
    """Return the words of `command` and `args`; a shell script given with `-c` is split too.

    References such as `$(MODEL)` are replaced by the container's plain variables, as the kubelet
    does; one that is not known stays.
    """
    words = [_expanded(word, container) for word in (*container.command, *container.args)]
    if len(words) > 2 and PurePosixPath(words[0]).name in _SHELLS and words[1].endswith("c"):
        return tuple(_split(" ".join(words[2:]), container))
    return tuple(words)


def model_of(container: Container) -> tuple[str, str] | None:
    """Return the model that the server loads and where that is said (`args` or `env NAME`).

    It is the value of `--model` or `--model-id`, else what follows `serve`, else a variable.
    """
    words = command_line(container)
    named = _flag(words, _MODEL_FLAGS) or _served(words)
    if named is not None:
        return named, "args"
    for name in _MODEL_VARIABLES:
        if container.env.get(name):
            return container.env[name], f"env {name}"
    return None


def served_name(container: Container) -> str | None:
    """Return the model name that the server goes by in the API and on its metrics' labels."""
    model = model_of(container)
    return _flag(command_line(container), _NAME_FLAGS) or (model[0] if model else None)


def _flag(words: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the last value of a flag, written `--flag value` or `--flag=value`."""
    found = None
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            following = words[index + 1] if index + 1 < len(words) else None
            found = value if equals else following
    return found


def _served(words: Sequence[str]) -> str | None:
    """Return the positional model of `vllm serve MODEL`, or of an image that already serves."""
    if "serve" in words:
        index = words.index("serve") + 1
        if index < len(words) and not words[index].startswith("-"):
            return words[index]
    first = words[0] if words else ""
    return first if "/" in first and not first.startswith(("-", "/", ".")) else None


def _split(script: str, container: Container) -> list[str]:
    """Return the words of a shell script, with `$NAME` of plain variables filled in."""
    script, _ = substitute(script, container.env)
    try:
        return shlex.split(script.replace("\\\n", " "), comments=True)
    except ValueError:
        return script.split()


def _expanded(word: str, container: Container) -> str:
    return _REFERENCE.sub(lambda match: container.env.get(match[1], match[0]), word)
