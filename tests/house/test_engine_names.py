"""No code asks for an engine by name: what differs between engines is asked of `EngineKind`."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scalecert.engines.registry import engine_names

PACKAGE = Path(__file__).parents[2] / "harness/scalecert"
KNOWS_ENGINES = ("engines", "exporters")
"""Where names may stand: the models themselves, and what devices show of them."""
NAMED = re.compile(rf"(?<![a-z])({'|'.join(engine_names())})(?![a-z])", re.IGNORECASE)
MODULES = sorted(
    path.relative_to(PACKAGE)
    for path in PACKAGE.rglob("*.py")
    if path.relative_to(PACKAGE).parts[0] not in KNOWS_ENGINES
)


def named(source: str) -> Iterator[str]:
    """Yield the strings that name an engine and could decide something.

    Docstrings can't, nor can prose: what has a blank is for people, such as where a definition
    is from.
    """
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) not in documentation and " " not in node.value and NAMED.search(node.value):
            yield node.value


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_no_engine_is_named(module: Path) -> None:
    """Neither by its name nor by one of its metrics, images or flags."""
    assert not set(named((PACKAGE / module).read_text()))


@pytest.mark.parametrize(
    "line",
    [
        'if kind.name == "tgi": pass',
        'limits = {"jetstream": 2}[engine]',
        'name = f"vllm:{metric}"',
        'image.endswith("/text-generation/tgi-server")',
    ],
)
def test_such_code_is_found(line: str) -> None:
    """Compared, looked up, a metric's prefix, a part of an image."""
    assert list(named(line))


def test_documentation_may_name_engines() -> None:
    """Docstrings, and prose that says where something is from."""
    assert not list(named('"""vllm"""\nsource = "definition of vLLM and TGI"'))


def test_every_engine_is_protected() -> None:
    """No module imports an engine's package: the contract in pyproject.toml lists each."""
    contracts = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())
    (protected,) = (
        contract["protected_modules"]
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract["type"] == "protected"
    )
    assert set(protected) == {f"scalecert.engines.{name}" for name in engine_names()}
