"""A profile's numbers are those of servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from scalecert.bundled import bundled
from scalecert.engines.profile_ranges import MOST_SEQUENCES, RANGES
from scalecert.engines.profiles import load_profile, profile_names
from scalecert.engines.vllm.kind import KIND
from scalecert.errors import UsageError

NAME = "vllm_llama-3.1-8b_l4"


def spoilt(tmp_path: Path, field: str, value: float) -> str:
    """Write a shipped profile with one number replaced; return the file."""
    document: dict[str, Any] = yaml.safe_load(
        bundled("fixtures", "profiles", f"{NAME}.yaml").read_text()
    )
    part, _, name = field.partition(".")
    document["spec"][part][name] = value
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(document))
    return str(file)


@pytest.mark.parametrize("name", profile_names())
def test_what_ships_is_in_the_ranges(name: str):
    """Every shipped profile loads."""
    assert load_profile(name).name == name


@pytest.mark.parametrize("field", [*RANGES, "costs.overheadSeconds", "costs.contextSeconds"])
def test_a_number_out_of_its_range_is_refused(tmp_path: Path, field: str):
    """A step of no time or a table of a billion entries would never end; the field is named."""
    for value in (-1, RANGES.get(field, (0, 3600.0))[1] * 2):
        with pytest.raises(UsageError, match=rf"profile\.yaml: spec\.{field}: found .*expected"):
            load_profile(spoilt(tmp_path, field, value))


@pytest.mark.parametrize("flag", ["--max-num-seqs", "--max-num-batched-tokens"])
def test_a_flag_beyond_any_server_is_refused(flag: str):
    """Flags overrule the profile and have the same ranges."""
    most = {"--max-num-seqs": MOST_SEQUENCES}.get(flag, 10_000_000)
    profile = load_profile(NAME)
    with pytest.raises(UsageError, match=rf"{flag}: found {most + 1}, expected at most {most}"):
        KIND.limits(profile, [f"{flag}={most + 1}"], {}, version=None)
