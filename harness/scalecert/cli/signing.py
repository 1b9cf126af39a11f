"""Commands of the user's that sign a certificate or check its signature: no verdict needs them.

The words of a command are split as a shell would, but no shell runs it; `{file}` in a word becomes
the certificate's path. What it prints goes to stderr; messages name its first word alone, because
the others may hold secrets.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from scalecert.errors import EnvironmentFault, UsageError

FILE = "{file}"


def words_of(command: str, option: str) -> tuple[str, ...]:
    """Return the words of a command.

    Raises:
        UsageError: if it has none, or names no file, or its quotes don't close.
    """
    hint = f'for example "cosign ... {FILE}"'
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"can't be split into words: {error}", field=option, hint=hint) from error
    if not words or not any(FILE in word for word in words):
        raise UsageError(f"found no {FILE}, where the file's path goes", field=option, hint=hint)
    return words


def sign(words: tuple[str, ...], file: Path) -> None:
    """Let a command sign a file.

    Raises:
        EnvironmentFault: if it can't be run or fails.
    """
    status = _status(words, file)
    if status != 0:
        raise EnvironmentFault(f"{file} is written but not signed: {words[0]} ended with {status}")


def accepts(words: tuple[str, ...], file: Path) -> bool:
    """Tell whether a command is content with a file's signature.

    Raises:
        EnvironmentFault: if it can't be run.
    """
    return _status(words, file) == 0


def _status(words: tuple[str, ...], file: Path) -> int:
    command = [word.replace(FILE, str(file)) for word in words]
    try:
        return subprocess.run(command, stdout=2, check=False).returncode  # noqa: S603 - the user's
    except OSError as error:
        raise EnvironmentFault(f"{words[0]} can't be run: {error.strerror}") from error
