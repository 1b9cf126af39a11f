"""The command line that a container runs, in words."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from scalecert.documents.placeholders import substitute
from scalecert.policy.model import Container

_REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})


def command_line(container: Container) -> tuple[str, ...]:
    """Return the words of `command` and `args`; a shell script given with `-c` is split too.

    References such as `$(MODEL)` are replaced by the container's plain variables, as the kubelet
    does; one that is not known stays.
    """
    words = [_expanded(word, container) for word in (*container.command, *container.args)]
    if len(words) > 2 and PurePosixPath(words[0]).name in _SHELLS and words[1].endswith("c"):
        return tuple(_split(" ".join(words[2:]), container))
    return tuple(words)


def _split(script: str, container: Container) -> list[str]:
    """Return the words of a shell script, with `$NAME` of plain variables filled in."""
    script, _ = substitute(script, container.env)
    try:
        return shlex.split(script.replace("\\\n", " "), comments=True)
    except ValueError:
        return script.split()


def _expanded(word: str, container: Container) -> str:
    return _REFERENCE.sub(lambda match: container.env.get(match[1], match[0]), word)
