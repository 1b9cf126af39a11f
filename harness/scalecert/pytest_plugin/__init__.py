"""The pytest door: a `case` fixture, and findings as pytest outcomes.

    def test_steady(case: Case) -> None:
        case.judge(case.record())

Loaded into every pytest run of an environment that has ScaleCert installed, so it is quiet:
the standard library and pytest are all it imports, and without `--policy` it does nothing.
With it, `session` does the work. Both doors run cases through `scalecert.pipeline`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scalecert.pytest_plugin import options
from scalecert.pytest_plugin.case import Case

if TYPE_CHECKING:
    from scalecert.pipeline import Subject

__all__ = ["Case", "case", "scalecert_subject"]

SUBJECT = "scalecert_subject"
_NO_POLICY = "scalecert cases need --policy FILE: the manifests to certify"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add `--policy` and what belongs to it."""
    options.add(parser, pluginmanager)


def pytest_configure(config: pytest.Config) -> None:
    """Start a certifying session if there is a policy; its bad inputs end the run at once."""
    if options.policies(config):
        from scalecert.pytest_plugin.session import start

        start(config)


@pytest.fixture
def scalecert_subject(request: pytest.FixtureRequest) -> Subject:
    """The policy of this test: its HPA with engine and objective (`pipeline.Subject`)."""
    from scalecert.pytest_plugin.session import SESSION

    return request.config.stash[SESSION].subject(request.param)


@pytest.fixture
def case(request: pytest.FixtureRequest, scalecert_subject: Subject) -> Case:
    """The scenario beside this test file, bound to the policy: record it, then judge it."""
    from scalecert.pytest_plugin.session import SESSION

    return request.config.stash[SESSION].case(request.node, scalecert_subject)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case once per HPA of the policy."""
    if SUBJECT not in metafunc.fixturenames:
        return
    names: list[str] = []
    if options.policies(metafunc.config):
        from scalecert.pytest_plugin.session import SESSION

        names = metafunc.config.stash[SESSION].names
    metafunc.parametrize(SUBJECT, names, indirect=True, ids=names)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run cases without a policy: a skipped case would look like a green one.

    Raises:
        pytest.UsageError: in one line, at once; a worker of xdist leaves it to its controller.
    """
    if options.policies(config) or not any(_is_case(item) for item in items):
        return
    if not hasattr(config, "workeroutput"):
        raise pytest.UsageError(_NO_POLICY)
    config.workeroutput[SUBJECT] = _NO_POLICY
    items.clear()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Say for a worker of xdist what it could not: that cases need a policy."""
    problem = getattr(node, "workeroutput", {}).get(SUBJECT)
    if problem:
        raise pytest.UsageError(problem)


def _is_case(item: pytest.Item) -> bool:
    return SUBJECT in getattr(item, "fixturenames", ())
