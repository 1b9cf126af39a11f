"""A measured profile is measured for the server that it was measured on, and for no other."""

from __future__ import annotations

import pytest

from scalecert.bundled import bundled
from scalecert.planning.references import engine_ref
from scalecert.policy.loading import load_policies
from scalecert.policy.resolve import resolve

H200 = bundled("fixtures") / "policies" / "vllm-h200-num-requests-running.yaml"
PROFILE = "vllm_llama-2-7b_h200"


def engine(tmp_path, old="", new=""):
    """Return what the plan says of the engine under the H200 policy with one text replaced."""
    text = H200.read_text()
    assert old in text
    file = tmp_path / "policy.yaml"
    file.write_text(text.replace(old, new, 1) if old else text)
    return engine_ref(resolve(load_policies((str(file),), {})[0], PROFILE))


@pytest.mark.parametrize(
    ("old", "new"),
    [("", ""), ("v0.24.0", "v0.24.3")],
    ids=["as measured", "a patch release"],
)
def test_the_server_that_was_measured_has_the_measured_errors(tmp_path, old, new):
    """A patch release mends; it has the costs of its release."""
    found = engine(tmp_path, old, new)
    assert found.unlike == ()
    assert (found.errors["decode"].relative, found.errors["decode"].basis) == (0.03, "measured")


@pytest.mark.parametrize(
    ("old", "new", "what", "deployed"),
    [
        ("v0.24.0", "v0.11.0", "engine version", "0.11.0"),
        ("v0.24.0", "latest", "engine version", "unknown"),
        ("nvidia-h200-141gb", "nvidia-l4", "accelerator", "l4"),
        ("Llama-2-7b-chat-hf", "Llama-2-13b-chat-hf", "model", "meta-llama/Llama-2-13b-chat-hf"),
        ("- --port=8000", "- --quantization=fp8", "flag", "--quantization"),
    ],
)
def test_on_another_server_it_is_an_estimate(tmp_path, old, new, what, deployed):
    """Its errors there are assumed, as wide as those of a profile that nobody has measured."""
    found = engine(tmp_path, old, new)
    assert [(one.what, one.deployed) for one in found.unlike] == [(what, deployed)]
    assert {error.basis for error in found.errors.values()} == {"assumed"}
    assert {error.relative for error in found.errors.values()} == {0.3}
    assert found.errors["decode"].note.startswith("3 % measured on another server: TPOT")
