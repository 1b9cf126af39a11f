"""Whatever a certificate's file holds: it is shown, or refused in one line."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from factories import make_certificate
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.judging import show
from fuzz.mutations import as_json, spoilt, spoilt_bytes
from hypothesis import given
from hypothesis import strategies as st

from scalecert.certificate.document import load
from scalecert.documents import canonical_json


@cache
def certificate() -> bytes:
    """Return a sound certificate."""
    return canonical_json(make_certificate("ttft-objective", "accelerator-hours"))


def spoilt_certificates() -> st.SearchStrategy[bytes]:
    """Return a strategy of certificates with spoilt fields or bytes."""
    tree = spoilt(json.loads(certificate())).map(lambda value: as_json([value]))
    return st.one_of(tree, tree, spoilt_bytes(certificate()))


@effort("certificates")
@given(data=st.deferred(spoilt_certificates))
def test_a_spoilt_certificate_is_shown_or_refused(tally: Tally, folder: Path, data: bytes):
    """Reading and every report take or refuse any file."""

    def work() -> object:
        file = folder / "certificate.json"
        file.write_bytes(data)
        found = load(file)
        show(found)
        return found

    tally.answer(work)
