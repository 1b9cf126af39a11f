"""The package's own example."""

from __future__ import annotations

import doctest

import scalecert.hpa


def test_the_example_in_the_docstring_runs() -> None:
    """What the package shows as its use is its use."""
    results = doctest.testmod(scalecert.hpa)
    assert results.attempted > 5
    assert results.failed == 0


def test_everything_promised_is_there() -> None:
    """Each public name can be had from the package."""
    assert all(hasattr(scalecert.hpa, name) for name in scalecert.hpa.__all__)
