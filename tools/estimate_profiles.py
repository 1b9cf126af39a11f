"""Write the estimated engine profiles that ship in fixtures/profiles.

    python tools/estimate_profiles.py

Run it after the measured profile, the catalogues or the roofline have changed; a test holds the
files against the roofline.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from scalecert.engines.profiles import profile_text  # noqa: E402
from scalecert.engines.roofline import REFERENCE, estimate  # noqa: E402

MODELS = ("llama-2-7b", "llama-3.1-8b")
ACCELERATORS = ("l4", "a10g", "a100-80g", "h100", "h200")


def main() -> None:
    """Write all but the measured one."""
    for model in MODELS:
        for accelerator in ACCELERATORS:
            profile = estimate("vllm", model, accelerator)
            if profile.name != REFERENCE:
                path = ROOT / "fixtures" / "profiles" / f"{profile.name}.yaml"
                path.write_text(
                    "# Written by tools/estimate_profiles.py: a roofline, not a measurement.\n"
                    + profile_text(profile)
                )
                print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
