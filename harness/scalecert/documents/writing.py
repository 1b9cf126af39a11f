"""Documents of ours, written: canonical bytes, and files that are whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import msgspec

from scalecert.scalars import encode_hook


def canonical_json(value: object) -> bytes:
    """Return `value` (structs and our scalars included) as JSON: sorted keys, indent 2, newline.

    Equal values give equal bytes, on any machine.

    Raises:
        ValueError: for NaN or an infinity, which JSON does not have.
    """
    plain = msgspec.to_builtins(value, enc_hook=encode_hook, str_keys=True)
    text = json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def sha256_digest(value: object) -> str:
    """Return `sha256:` and the hex digest of the value's canonical JSON."""
    return f"sha256:{hashlib.sha256(canonical_json(value)).hexdigest()}"


def write_atomic(path: str | Path, data: bytes) -> None:
    """Write a file so that no reader ever sees a part of it; its folder is made if missing.

    Raises:
        OSError: if the folder or file can't be written; nothing is left behind.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
