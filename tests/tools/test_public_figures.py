"""Public figures: what docs/fidelity.md says of estimated profiles is what the model says."""

from __future__ import annotations

import public_figures
import pytest

from scalecert.engines.roofline import ASSUMED_ERROR

BEYOND_THE_ASSUMED_ERROR = {
    "JetStream, Gemma-7B, int8, 128 slots",
    "JetStream, Llama-2-7B, a prompt of 128 tokens",
    "JetStream, Llama-2-7B, a prompt of 512 tokens",
    "JetStream, Llama-2-7B, a prompt of 1024 tokens",
    "TGI 1.1, Llama-2-13B on an A100, 100 prompts of 40 tokens",
    "TGI 1.1, Llama-2-13B on an A100, 200 prompts of 40 tokens",
}
"""The page names them."""


def error(figure: public_figures.Figure) -> float:
    return public_figures.modelled(figure) / figure.published - 1


def test_every_figure_is_one_of_a_kind_and_says_what_it_lacks() -> None:
    """A name, a source that anyone can open, and the assumptions of the comparison."""
    figures = public_figures.figures()
    assert len({figure.name for figure in figures}) == len(figures)
    assert all(figure.source.startswith("https://") and figure.assumed for figure in figures)


@pytest.mark.parametrize("figure", public_figures.figures(), ids=lambda figure: figure.name)
def test_the_page_names_what_is_beyond_the_assumed_error(figure: public_figures.Figure) -> None:
    """An estimated profile promises 30 %; where a public figure says otherwise, so do we."""
    assert (abs(error(figure)) > ASSUMED_ERROR) == (figure.name in BEYOND_THE_ASSUMED_ERROR)
