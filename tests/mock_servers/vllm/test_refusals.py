"""What is wrong with a request is told in the words of vLLM's handlers, and no more of it."""

from __future__ import annotations

import re

import pytest

from mock_servers.serving.pydantic_fields import Fields, integer
from mock_servers.vllm.refusals import RefusalError, refuse_problems


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Ten problems at most, and the first one's place as the parameter."""
    fields = Fields({"ids": ["x"] * 12, "most": "y"})
    assert fields.listed("ids", integer) == []
    assert fields.maybe("most", integer) is None
    with pytest.raises(RefusalError) as refused:
        refuse_problems(fields)
    error = refused.value.error
    assert error["param"] == "body.ids.0"
    message = str(error["message"])
    assert message.startswith("13 validation errors:\n  {'type': 'int_parsing'")
    assert message.endswith("...and 3 more errors")


def test_long_values_are_not_told_whole() -> None:
    """A client is not sent back what it sent."""
    fields = Fields({"model": "m", "prompt": ["x" * 10_000]})
    fields.listed("prompt", integer)
    with pytest.raises(RefusalError) as refused:
        refuse_problems(fields)
    assert len(refused.value.body()) < 500
    assert b"...[truncated]" in refused.value.body()


def test_paths_are_not_told() -> None:
    """Messages hide files of the server."""
    said = RefusalError("in /usr/lib/python3/vllm/model.py at 0x7f00aa>: no").error["message"]
    assert said == "in <path>>: no"


@pytest.mark.parametrize(
    "said", ["/a/b-c/d.py", "x/y/z.tar.gz/a/b", "/a/b", "/a.b/c/d.e", "//a/b.c"]
)
def test_files_are_found_as_vllm_finds_them(said: str) -> None:
    """Its own expression is asked; where it would try for hours, ours does not."""
    expected = re.sub(r"(?:/[\w\-]+)+/[\w\-]+\.\w+", "<path>", said)
    assert RefusalError(said).error["message"] == expected
    assert RefusalError("/a" * 1_000_000).error["message"] == "/a" * 1_000_000
