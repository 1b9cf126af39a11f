"""Replay recorded cases of the real HPA controller against scalecert.hpa.

    python tools/replay_hpa.py FILE...

Takes any of the record formats described in fixtures/golden/hpa/README.md, plain or gzipped.
Prints what differs, and last a line `matched N of M`; records that are left out by name don't
count, and are named. Exit status: 0 if all match, 1 if not, 2 if a file can't be read.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "harness")]

from hpa_replay.files import UnknownRecordError, replay_file  # noqa: E402 - needs the path above

_SHOWN_PER_FILE = 10
_WIDTH = 400


def main(arguments: Sequence[str]) -> int:
    """Replay the files named by the arguments and return the exit status."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    matched = total = 0
    try:
        for name in arguments:
            file_matched, file_total = _replay(Path(name))
            matched, total = matched + file_matched, total + file_total
    except (OSError, UnknownRecordError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"matched {matched} of {total}")
    return 0 if matched == total else 1


def _replay(path: Path) -> tuple[int, int]:
    matched = total = differing = 0
    left_out: dict[str, list[str]] = {}
    for verdict in replay_file(path):
        if verdict.left_out is not None:
            left_out.setdefault(verdict.left_out, []).append(verdict.record)
            continue
        total += 1
        if verdict.mismatch is None:
            matched += 1
            continue
        differing += 1
        if differing <= _SHOWN_PER_FILE:
            print(f"  {verdict.record}: {verdict.mismatch}"[:_WIDTH])
    if differing > _SHOWN_PER_FILE:
        print(f"  ... and {differing - _SHOWN_PER_FILE} more")
    for reason, names in left_out.items():
        print(f"  left out {len(names)} ({reason}): {', '.join(dict.fromkeys(names))}")
    print(f"{path}: {matched} of {total}")
    return matched, total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
