"""The command line that engines' mock servers share."""

from __future__ import annotations

from mock_processes import mock_server

FLAGS = ("--profile", "vllm_llama-2-7b_l4")


def test_a_word_that_looks_like_an_option_of_the_mock_is_pointed_out() -> None:
    """It is passed on to the real server's flags all the same; other flags of those are silent."""
    said = (
        "scalecert: --startup-dely: taken for a flag of the real server;"
        " did you mean --startup-delay?\n"
    )
    words = ("--startup-dely=5s", "--max-num-seqs", "8", "--served-model-name=m")
    with mock_server("vllm", *FLAGS, *words, expected_errors=said) as server:
        assert server.get("/health")[0] == 200
