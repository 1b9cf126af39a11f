"""Write the tables of docs/fidelity.md anew.

    python tools/fidelity_doc.py

Each table stands between `<!-- table NAME -->` and `<!-- end -->`. A test holds the committed
tables against the model.
"""

from __future__ import annotations

import re
from pathlib import Path

import cross_validate
import msgspec
import public_figures
from replay_engine import ROOT, markdown, replay

from scalecert.engines.profiles import load_profile
from scalecert.engines.roofline import REFERENCE, efficiencies, estimate

DOC = ROOT / "docs" / "fidelity.md"
DATA = ROOT / "fixtures" / "golden" / "vllm-h200"
SERVERS = {
    "d1_micro": {"kv_tokens": 107200},
    "d2_sweep": {"kv_tokens": 107200},
    "d4_small": {"kv_tokens": 13600},
    "d7_dflt": {"kv_tokens": 229904, "max_num_seqs": 1024, "max_num_batched_tokens": 8192},
}
"""Folders of the measurement and the limits of the server in each that differ from defaults."""
LOAD = re.compile(r"p\d+|s\d+|d\d+|cap_closed\d+")
"""Phases under a lasting load; all others are single requests and bursts."""


def tables() -> dict[str, str]:
    """Return all tables as Markdown, by name."""
    comparisons = {}
    for folder, limits in SERVERS.items():
        comparisons |= replay(DATA / folder, **limits)
    load = {name: found for name, found in comparisons.items() if LOAD.fullmatch(name)}
    bursts = {
        name: found
        for name, found in comparisons.items()
        if name not in load and "warm" not in name
    }
    return {
        "load": markdown(load),
        "bursts": markdown(bursts),
        "left-out": cross_validate.table(DATA),
        "costs": _costs(),
        "efficiencies": _efficiencies(),
        "roofline": _roofline(),
        "public": public_figures.table(),
    }


def _costs() -> str:
    costs = msgspec.to_builtins(load_profile(REFERENCE).spec.costs)
    rows = [f"| {name} | {value:.4g} |" for name, value in costs.items() if value]
    return "\n".join(["| parameter | value |", "|---|---:|", *rows])


def _efficiencies() -> str:
    shares = efficiencies()
    tile = shares.pop("tile_tokens")
    rows = [f"| {name} | {100 * value:.0f} % |" for name, value in shares.items()]
    rows.append(f"| tile of a decoding request | {tile:.0f} tokens |")
    return "\n".join(["| work | of the peak |", "|---|---:|", *rows])


def _roofline() -> str:
    """Compare the estimate for the reference's own shape with the measured profile."""
    measured = load_profile(REFERENCE).spec.costs
    estimated = estimate(*REFERENCE.split("_")).spec.costs
    rows = []
    for batch, context in ((1, 256), (16, 300), (64, 300), (256, 330), (16, 3500)):
        times = [
            1e3 * (fixed + per_context * batch * context)
            for fixed, per_context in (
                costs.decode_coefficients(batch) for costs in (measured, estimated)
            )
        ]
        rows.append(_row(f"decode {batch} x {context}", times))
    for tokens in (128, 512, 2048):
        chunk = (tokens, tokens * tokens / 2, 1, 0, 0)
        times = [1e3 * costs.mixed_seconds(*chunk) for costs in (measured, estimated)]
        rows.append(_row(f"prefill {tokens}", times))
    head = ["| step | measured profile, ms | roofline, ms | error |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *rows])


def _row(step: str, times: list[float]) -> str:
    return (
        f"| {step} | {times[0]:.2f} | {times[1]:.2f} | {100 * (times[1] / times[0] - 1):+.1f} % |"
    )


def main() -> None:
    """Replace every table in the document."""
    text = DOC.read_text()
    for name, content in tables().items():
        block = f"<!-- table {name} -->\n{content}\n<!-- end -->"
        pattern = rf"<!-- table {name} -->\n.*?<!-- end -->"
        text, found = re.subn(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        if found != 1:
            raise SystemExit(f"{DOC}: found {found} tables {name!r}, expected one")
    Path(DOC).write_text(text)


if __name__ == "__main__":
    main()
