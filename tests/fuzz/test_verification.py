"""Whatever lies where a certificate should: verified, refused, or one line; never taken for sound.

The recordings beside it are sound ones, so that only the certificate can be at fault.
"""

from __future__ import annotations

import copy
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fuzz.command_line import Answer, answered
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.mutations import as_json, spoilt, spoilt_bytes
from hypothesis import given
from hypothesis import strategies as st
from own_suites import PASSING, POLICY, WORDS, write_suite

from scalecert import cli
from scalecert.certificate.artifacts import CERTIFICATE

CODES = (0, 1, cli.UNUSABLE_INPUT)
OPTIONS = st.sampled_from([
    [], [], [], ["--suite", "own"], ["--policy", str(POLICY)], ["--set", "X=1"], ["--set", "X"],
    ["--profile", "vllm_llama-2-7b_l4"], ["--profile", "/"], ["--policy", "own"],
    ["--suite", "recordings"], ["--policy", "sound.json"],
])  # fmt: skip


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate, its recordings, and the suite that it is by."""
    folder = tmp_path_factory.mktemp("certified")
    write_suite(folder / "own", calm=PASSING, duration="2m")
    words = ("certify", str(POLICY), *WORDS, "--suite", "own", "--jobs", "1", "--out", ".")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli.run(words) == 0
    shutil.copyfile(folder / CERTIFICATE, folder / "sound.json")
    return folder


@effort("verification")
@given(data=st.data(), options=OPTIONS)
def test_an_altered_certificate_is_never_verified(
    tally: Tally,
    certified: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: st.DataObject,
    options: list[str],
):
    """`verify` ends with 0, 1 or 2, and with 0 only if nothing but the date is another."""
    sound = (certified / "sound.json").read_bytes()
    altered = data.draw(alterations(sound))
    monkeypatch.chdir(certified)
    Path(CERTIFICATE).write_bytes(altered)
    shown = tally.answer(partial(answered, ["verify", CERTIFICATE, *options], CODES))
    if isinstance(shown, Answer) and shown.code == 0:
        assert undated(altered) == undated(sound), shown.output


def alterations(sound: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy of certificates with spoilt fields or bytes."""
    tree = spoilt(json.loads(sound)).map(lambda value: as_json([value]))
    return st.one_of(tree, tree, tree, spoilt_bytes(sound))


def undated(data: bytes) -> Any:
    """Return a certificate's content without its date, which nothing bears witness to."""
    content = copy.deepcopy(json.loads(data))
    del content["metadata"]["date"]
    return content
