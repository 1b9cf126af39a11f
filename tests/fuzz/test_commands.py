"""Whatever is typed: an exit code and one line, never an internal error."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

from fuzz import sound
from fuzz.bounds import check_line
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.mutations import ODD_TEXTS, spoilt_text
from hypothesis import given
from hypothesis import strategies as st

from scalecert import cli

WORDS = st.one_of(
    st.sampled_from([text for text in ODD_TEXTS if "\x00" not in text and len(text) < 1000]),
    st.sampled_from(["steady", "core", "ttft-objective", "signal-present", "--json", "FILE", "."]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)
OPTIONS = st.sampled_from([
    [], ["--json"], ["--profile", "FILE"], ["--profile", "vllm_llama-2-7b_l4"], ["--suite", "FILE"],
    ["--set", "X=1"], ["--objective", "FILE"], ["--price", "-1"], ["--price", "nan"],
    ["--capacity", "inf"], ["--seed", "-1"], ["--seed", "9" * 40], ["--workload", "FILE"],
])  # fmt: skip
COMMANDS = st.sampled_from([
    ["lint", "FILE"], ["lint"], ["explain"], ["explain", "steady"], ["recheck"], ["profiles"],
    ["schema"], ["suites"], ["recheck", "FILE"], ["run", "steady", "--out", "OUT", "--policy"],
])  # fmt: skip


@effort("commands")
@given(
    command=COMMANDS,
    words=st.one_of(st.just([]), st.lists(WORDS, max_size=2)),
    options=st.one_of(st.just([]), OPTIONS),
    data=st.one_of(
        st.just(sound.POLICIES[0].read_bytes()), spoilt_text(sound.documents(sound.POLICIES[0]))
    ),
)
def test_any_command_line_is_answered(
    tally: Tally,
    folder: Path,
    command: list[str],
    words: list[str],
    options: list[str],
    data: bytes,
):
    """Exit codes are those of the documentation; of unusable input there is one line."""
    file = folder / "policy.yaml"
    file.write_bytes(data)
    places = {"FILE": str(file), "OUT": str(folder / "out")}
    line = [places.get(word, word) for word in [*command, *words, *options]]
    output, complaint = io.StringIO(), io.StringIO()

    def work() -> object:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(complaint):
            code = cli.run(line)
        assert code in (0, 1, cli.UNUSABLE_INPUT, cli.INCONCLUSIVE), code
        assert "internal error" not in complaint.getvalue(), complaint.getvalue()
        if code == cli.UNUSABLE_INPUT:
            check_line(complaint.getvalue().removesuffix("\n"))
            return None
        for shown in output.getvalue().splitlines():
            assert shown.isprintable(), ascii(shown[:200])
        if "--json" in line and output.getvalue().lstrip()[:1] in ("{", "["):
            json.loads(output.getvalue())
        return output

    tally.answer(work)
