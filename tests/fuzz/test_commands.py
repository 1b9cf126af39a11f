"""Whatever is typed: an exit code and one line, never an internal error."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fuzz import sound
from fuzz.command_line import answered
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.mutations import ODD_TEXTS, as_yaml, nudged, spoilt_text
from hypothesis import given
from hypothesis import strategies as st

WORDS = st.one_of(
    st.sampled_from([text for text in ODD_TEXTS if "\x00" not in text and len(text) < 1000]),
    st.sampled_from(["steady", "core", "ttft-objective", "signal-present", "--json", "FILE", "."]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12),
)
OPTIONS = st.sampled_from([
    [], ["--json"], ["--profile", "FILE"], ["--profile", "vllm_llama-2-7b_l4"],
    ["--profile", "tgi_llama-2-7b_l4"], ["--profile", "jetstream_gemma-7b_v5e-x8"],
    ["--suite", "FILE"],
    ["--set", "X=1"], ["--objective", "FILE"], ["--price", "-1"], ["--price", "nan"],
    ["--capacity", "inf"], ["--seed", "-1"], ["--seed", "9" * 40], ["--workload", "FILE"],
])  # fmt: skip
COMMANDS = st.sampled_from([
    ["lint", "FILE"], ["explain"], ["explain", "steady"], ["profiles"], ["schema"], ["suites"],
    ["schema", "plan"], ["explain", "ttft-objective"], ["lint", "FILE", "--json"],
    ["run", "steady", "--out", "OUT", "--capacity", "2", "--policy", "FILE"],
    ["profile", "estimate", "--engine", "tgi", "--model", "gemma-7b", "--accelerator", "l4"],
    ["profile", "estimate", "--engine", "jetstream", "--model", "FILE", "--accelerator", "v5e"],
    ["explain", "target-unit"], ["lint"], ["recheck"], ["recheck", "FILE"],
    ["run", "steady", "--out", "OUT", "--policy"],
])  # fmt: skip
MANIFESTS = st.sampled_from([sound.documents(path) for path in sound.POLICY_OF_ENGINE.values()])


@effort("commands")
@given(
    command=COMMANDS,
    words=st.one_of(st.just([]), st.just([]), st.just([]), st.lists(WORDS, max_size=2)),
    options=st.one_of(st.just([]), st.just([]), OPTIONS),
    data=MANIFESTS.flatmap(
        lambda sound_one: st.one_of(
            st.just(as_yaml(sound_one)), nudged(sound_one).map(as_yaml), spoilt_text(sound_one)
        )
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
    tally.answer(partial(answered, line))
