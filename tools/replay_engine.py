"""Replay a recorded vLLM server through the engine model and print how far the model is off.

    python tools/replay_engine.py DIR [--profile P] [--max-num-seqs 256]
        [--max-num-batched-tokens 2048] [--kv-tokens 107200] [--json FILE] [--markdown]

DIR holds phases.csv, requests.csv.gz and, for running and waiting, metrics.csv.gz, in the form of
fixtures/golden/vllm-h200 (README there). Open phases are fed the recorded send times and sizes,
closed ones their concurrency. The exit code is 0 whatever the error. Prefix caching is off, as in
every server of that measurement.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from engine_replay.compared import compare  # noqa: E402
from engine_replay.recorded import read_folder  # noqa: E402
from engine_replay.simulated import simulate  # noqa: E402

from scalecert.engines.profiles import load_profile  # noqa: E402
from scalecert.engines.vllm.profile_limits import VllmProfileLimits  # noqa: E402
from scalecert.engines.vllm.scheduler_limits import SchedulerLimits  # noqa: E402
from scalecert.errors import UsageError  # noqa: E402

PROFILE = "vllm_llama-2-7b_h200"
BLOCK_SIZE = 16
ERRORS = ("ttft_mean", "ttft_p50", "ttft_p90", "ttft_p99")
ERRORS += ("tpot_mean", "tpot_p50", "tpot_p90", "tpot_p99")
COLUMNS = ("phase", "TTFT mean", "p50", "p90", "p99", "TPOT mean", "p50", "p90", "p99")
COLUMNS += ("running", "waiting", "preemptions")
Comparison = dict[str, dict[str, float | None]]


def replay(
    folder: Path,
    profile: str = PROFILE,
    *,
    max_num_seqs: int = 256,
    max_num_batched_tokens: int = 2048,
    kv_tokens: int = 107200,
) -> dict[str, Comparison]:
    """Return the comparison of every phase of a folder, by phase."""
    known = load_profile(profile)
    limits = SchedulerLimits(
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        max_model_len=known.limits_as(VllmProfileLimits).max_model_len,
        num_gpu_blocks=kv_tokens // BLOCK_SIZE,
        block_size=BLOCK_SIZE,
    )
    return {
        phase.name: compare(phase, simulate(phase, limits, known.spec.costs))
        for phase in read_folder(folder)
    }


def table(comparisons: dict[str, Comparison]) -> str:
    """Return all figures as text: measured, simulated, error."""
    lines = [f"{'phase':16s} {'figure':12s} {'measured':>10s} {'simulated':>10s} {'error':>8s}"]
    for phase, comparison in comparisons.items():
        for name, figure in comparison.items():
            scale = 1e3 if name.startswith(("ttft", "tpot")) else 1.0
            label = f"{name} ms" if scale > 1 else name
            values = [_number(figure[side], scale) for side in ("measured", "simulated")]
            error = figure["error"]
            percent = "-" if error is None else f"{100 * error:+.1f}%"
            lines.append(f"{phase:16s} {label:12s} {values[0]:>10s} {values[1]:>10s} {percent:>8s}")
    return "\n".join(lines)


def markdown(comparisons: dict[str, Comparison]) -> str:
    """Return the errors as a Markdown table, one row a phase."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) - 1)}"]
    for phase, comparison in comparisons.items():
        errors = [_percent(comparison.get(name)) for name in ERRORS]
        pairs = [_pair(comparison.get(name)) for name in ("running", "waiting", "preemptions")]
        lines.append(f"| {phase} | {' | '.join(errors + pairs)} |")
    return "\n".join(lines)


def _number(value: float | None, scale: float = 1.0) -> str:
    return "-" if value is None else f"{value * scale:.2f}"


def _percent(figure: dict[str, float | None] | None) -> str:
    error = figure["error"] if figure else None
    return "-" if error is None else f"{100 * error:+.1f} %"


def _pair(figure: dict[str, float | None] | None) -> str:
    if figure is None:
        return "-"
    digits = [
        "-" if value is None else f"{value:.3g}"
        for value in (figure["measured"], figure["simulated"])
    ]
    return " / ".join(digits)


def main() -> None:
    """Read the command line, replay, print."""
    parser = argparse.ArgumentParser(description="Replay a recorded server through the model.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--profile", default=PROFILE)
    parser.add_argument("--max-num-seqs", type=int, default=256)
    parser.add_argument("--max-num-batched-tokens", type=int, default=2048)
    parser.add_argument("--kv-tokens", type=int, default=107200)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/fidelity")
    arguments = parser.parse_args()
    try:
        comparisons = replay(
            arguments.folder,
            arguments.profile,
            max_num_seqs=arguments.max_num_seqs,
            max_num_batched_tokens=arguments.max_num_batched_tokens,
            kv_tokens=arguments.kv_tokens,
        )
    except UsageError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(markdown(comparisons) if arguments.markdown else table(comparisons))
    if arguments.json:
        arguments.json.write_text(json.dumps(comparisons, indent=2) + "\n")


if __name__ == "__main__":
    main()
