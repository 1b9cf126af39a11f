"""Whatever was measured: how far a profile is off, or one line."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from fuzz.command_line import answered
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.tables import spoilt_table
from hypothesis import given
from hypothesis import strategies as st

from scalecert import cli
from scalecert.engines.profiles import load_profile

PROFILE = "vllm_llama-2-7b_l4"
ROWS = [f"{i / 5:g},{20 + i % 40},{1 + i % 30},0.{1 + i % 3},0.05{i % 10}" for i in range(500)]
MEASURED = "\n".join(
    ["sent_seconds,input_tokens,output_tokens,ttft_seconds,tpot_seconds", *ROWS, ""]
).encode()
OPTIONS = st.sampled_from([
    [], [], [], [], [], [], [], [], ["--ready", "80"], ["--ready", "1e300"], ["--ready", "nan"],
    ["--server-args", "--max-num-seqs=8"], ["--server-args", "--max-num-queued-reqs=1"],
    ["--server-args", "'"], ["--server-args", "--max-model-len=50"], ["--server-args", "x"],
    ["--server-args", "--block-size=1 --num-gpu-blocks-override=100 --max-model-len=90"],
])  # fmt: skip


@effort("comparisons")
@given(data=spoilt_table(MEASURED), options=OPTIONS)
def test_a_spoilt_measurement_is_compared_or_refused(
    tally: Tally, folder: Path, data: bytes, options: list[str]
):
    """Whatever profile comes out of a comparison is one that can be used."""
    measured, out = folder / "measured.csv", folder / "own.yaml"
    measured.write_bytes(data)
    out.unlink(missing_ok=True)
    line = ["profile", "compare", PROFILE, str(measured), "--out", str(out), *options]
    tally.answer(partial(answered, line, (0, cli.UNUSABLE_INPUT)))
    if out.exists():
        load_profile(str(out))
