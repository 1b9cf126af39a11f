"""docs/engines.md names what the models go by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scalecert.engines.jetstream import arguments
from scalecert.engines.registry import engine_names
from scalecert.engines.tgi import flags as tgi
from scalecert.engines.tgi.identity import LATEST as TGI_LATEST
from scalecert.engines.vllm import flags as vllm
from scalecert.engines.vllm.identity import LATEST as VLLM_LATEST

PAGE = (Path(__file__).parents[2] / "docs/engines.md").read_text()
FLAGS = {
    "jetstream": {*arguments.MAXTEXT, *arguments.PYTORCH},
    "tgi": {*tgi.FLAGS},
    "vllm": {*vllm.FLAGS},
}


def section(engine: str) -> str:
    """Return an engine's section of the page."""
    found = re.search(rf"^## {engine}\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert found, f"docs/engines.md has no section of {engine}"
    return found[1]


@pytest.mark.parametrize("engine", engine_names())
def test_every_flag_that_sets_a_limit_is_on_the_page(engine: str) -> None:
    """An engine has a section, which names each flag that the model reads, and no others."""
    named = re.search(
        r"^\*\*(?:Flags|Arguments) that count.*?(?=\n\n)", section(engine), re.MULTILINE | re.DOTALL
    )
    assert named
    written = set(re.findall(r"`(-[-a-z]+)`", named[0]))
    assert written == {flag for flag in FLAGS[engine] if flag.startswith("-")}
    assert all(f"`{flag}`" in named[0] for flag in FLAGS[engine])


def test_the_versions_on_the_page_are_those_that_were_read() -> None:
    """What an unknown version is taken for."""
    assert f"| read from | {VLLM_LATEST}, V1 engine" in PAGE
    assert f"| {TGI_LATEST}, backend v3 |" in PAGE
