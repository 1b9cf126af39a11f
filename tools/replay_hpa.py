"""Replay recorded cases of the real HPA controller against scalecert.hpa.

    python tools/replay_hpa.py [--write fixtures/fidelity.yaml] FILE...

Takes any of the record formats described in fixtures/golden/hpa/README.md, plain or gzipped.
Prints what differs, and last a line `matched N of M`; records that are left out by name don't
count, and are named. `--write` puts the counts into the file that certificates quote as the error
of the HPA, and leaves what it says of other models. Exit status: 0 if all match, 1 if not, 2 if a
file can't be read.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "harness")]

from hpa_replay.files import UnknownRecordError, replay_file  # noqa: E402 - needs the path above

from scalecert.documents import API_VERSION, load_document  # noqa: E402
from scalecert.errors import UsageError  # noqa: E402
from scalecert.recording.fidelity import (  # noqa: E402
    KIND,
    Comparison,
    FidelityFile,
    FidelitySpec,
    ReplayedFile,
)

AGAINST = "kube-controller-manager"
KUBERNETES = "v1.36.3"
"""Whose controller made the cases: fixtures/golden/hpa/README.md."""
HOW = (
    "tools/replay_hpa.py replays the recorded inputs and compares every output; of errors, that"
    " there is one"
)

_SHOWN_PER_FILE = 10
_WIDTH = 400
_HEAD = "# Written by tools/replay_hpa.py --write.\n"


def main(arguments: Sequence[str]) -> int:
    """Replay the files named by the arguments and return the exit status."""
    target: Path | None = None
    if arguments[:1] == ["--write"]:
        target = Path(arguments[1]) if arguments[1:] else None
        arguments = arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help") else 2
    try:
        files = tuple(replay(Path(name)) for name in arguments)
        if target is not None:
            target.write_text(fidelity_text(files, target), encoding="utf-8")
    except (OSError, UnknownRecordError, UsageError) as error:
        print(error, file=sys.stderr)
        return 2
    cases = sum(file.cases for file in files)
    matched = cases - sum(file.mismatches for file in files)
    print(f"matched {matched} of {cases}")
    return 0 if matched == cases else 1


def replay(path: Path) -> ReplayedFile:
    """Replay one file, print what differs, and return the counts.

    Raises:
        OSError: the file can't be read.
        UnknownRecordError: a line is no record.
    """
    cases = differing = 0
    left_out: dict[str, list[str]] = {}
    for verdict in replay_file(path):
        if verdict.left_out is not None:
            left_out.setdefault(verdict.left_out, []).append(verdict.record)
            continue
        cases += 1
        if verdict.mismatch is None:
            continue
        differing += 1
        if differing <= _SHOWN_PER_FILE:
            print(f"  {verdict.record}: {verdict.mismatch}"[:_WIDTH])
    if differing > _SHOWN_PER_FILE:
        print(f"  ... and {differing - _SHOWN_PER_FILE} more")
    for reason, names in left_out.items():
        print(f"  left out {len(names)} ({reason}): {', '.join(dict.fromkeys(names))}")
    print(f"{path}: {cases - differing} of {cases}")
    return ReplayedFile(
        name=path.name,
        digest=f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        cases=cases,
        mismatches=differing,
        left_out=sum(len(names) for names in left_out.values()),
    )


def fidelity_text(files: Sequence[ReplayedFile], path: Path) -> str:
    """Return the text of the Fidelity file at `path` with these counts as those of the HPA.

    Raises:
        UsageError: if there is a file at `path` that is no Fidelity document.
    """
    known = load_document(path, KIND, FidelityFile).spec if path.is_file() else FidelitySpec()
    hpa = Comparison(
        against=AGAINST,
        version=KUBERNETES,
        cases=sum(file.cases for file in files),
        mismatches=sum(file.mismatches for file in files),
        left_out=sum(file.left_out for file in files),
        how=HOW,
    )
    spec = msgspec.structs.replace(known, hpa=hpa, hpa_files=tuple(files))
    document = FidelityFile(api_version=API_VERSION, kind=KIND, spec=spec)
    plain = msgspec.to_builtins(document)
    return _HEAD + yaml.safe_dump(plain, sort_keys=False, width=100, allow_unicode=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
