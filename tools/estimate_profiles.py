"""Write the estimated engine profiles that ship in fixtures/profiles.

    python tools/estimate_profiles.py [ENGINE ...]

Run it after the measured profile, the catalogues or the roofline have changed; a test holds the
files against the roofline.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from scalecert.engines.jetstream.estimate import with_load  # noqa: E402
from scalecert.engines.profiles import EngineProfile, profile_text  # noqa: E402
from scalecert.engines.roofline import REFERENCE, estimate  # noqa: E402


class Row(NamedTuple):
    """Profiles of one engine: every model on every accelerator, `count` of them a replica."""

    engine: str
    models: tuple[str, ...]
    accelerators: tuple[str, ...]
    count: int = 1
    variants: tuple[Callable[[EngineProfile], EngineProfile], ...] = ()
    """What else ships of each: another profile made of it."""


SHIPPED = (
    Row("jetstream", ("llama-2-7b", "gemma-7b"), ("v5e",), variants=(with_load,)),
    Row("jetstream", ("llama-2-7b", "gemma-7b"), ("v5e",), count=8, variants=(with_load,)),
    Row("tgi", ("llama-2-7b", "gemma-7b"), ("l4", "a100-80g", "h100")),
    Row("tgi", ("gemma-7b",), ("l4",), count=2),
    Row("tgi", ("gemma-7b",), ("l4",), count=4),
    Row("vllm", ("llama-2-7b", "llama-3.1-8b"), ("l4", "a10g", "a100-80g", "h100", "h200")),
)


def profiles(engines: tuple[str, ...]) -> Iterator[EngineProfile]:
    """Yield the shipped estimates of `engines`, of all if there are none."""
    for row in SHIPPED:
        if engines and row.engine not in engines:
            continue
        for model in row.models:
            for accelerator in row.accelerators:
                profile = estimate(row.engine, model, accelerator, count=row.count)
                yield from (profile, *(variant(profile) for variant in row.variants))


def main() -> None:
    """Write all but the measured one."""
    for profile in profiles(tuple(sys.argv[1:])):
        if profile.name != REFERENCE:
            path = ROOT / "fixtures" / "profiles" / f"{profile.name}.yaml"
            path.write_text(
                "# Written by tools/estimate_profiles.py: a roofline, not a measurement.\n"
                + profile_text(profile)
            )
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
