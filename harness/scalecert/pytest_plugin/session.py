"""A certifying session: which policies, which cases, and what their tests report.

Made by the plugin where there is a `--policy`; in workers of xdist as in the controller. What
the controller does with the reports is `conclusion`.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from scalecert import pipeline, suite
from scalecert.certificate import artifacts
from scalecert.checks.registry import requested
from scalecert.errors import UsageError
from scalecert.policy import standard_input
from scalecert.pytest_plugin import case_report, options, workers
from scalecert.pytest_plugin.case import Case
from scalecert.pytest_plugin.conclusion import Conclusion
from scalecert.pytest_plugin.events import Events
from scalecert.pytest_plugin.session_world import SessionWorld, check_one_at_a_time


class Session:
    """The policies under test, and the hooks that turn findings into outcomes."""

    def __init__(self, config: pytest.Config, events: Events) -> None:
        self._out = options.out(config)
        self._inputs = options.inputs(config)
        check_one_at_a_time(config, self._inputs.world)
        with standard_input.read_from(options.kept_standard_input(config)):
            subjects = pipeline.subjects(self._inputs)
        self._subjects = {subject.name: subject for subject in subjects}
        self._world = SessionWorld(self._inputs, events)
        self._events = events
        self._cases: dict[pytest.Item, Case] = {}
        self._workers = workers.start(config)

    @property
    def names(self) -> list[str]:
        """The HPAs' names, in order of the manifests."""
        return list(self._subjects)

    def subject(self, name: str) -> pipeline.Subject:
        """Return the policy of that HPA."""
        return self._subjects[name]

    @property
    def folders(self) -> dict[str, Path]:
        """Where each HPA's certificate and recordings go, by name in order of the manifests."""
        several = len(self._subjects) > 1
        return {
            name: artifacts.certificate_folder(self._out, name, several=several)
            for name in self._subjects
        }

    def case(self, item: pytest.Item, subject: pipeline.Subject) -> Case:
        """Return the case of a test: the scenario beside its file, under that policy."""
        definition = suite.load_case(suite.scenario_path(item.path))
        _check_requests(definition)
        recordings = self.folders[subject.name] / artifacts.RECORDINGS
        self._cases[item] = Case(subject, definition, recordings, self._world, self._workers)
        return self._cases[item]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse cases that the world can't run, before the first of them takes its time.

        Raises:
            pytest.UsageError: in one line.
        """
        if not pipeline.on_the_clock(self._inputs.world):
            return
        paths = dict.fromkeys(item.path for item in items if _subject_name(item) is not None)
        cases = (suite.load_case(suite.scenario_path(path)) for path in paths)
        try:
            pipeline.check_cases(self._inputs, cases)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Close the world at once: what pytest then says of the interrupt takes it seconds.

        Nobody reads that of the command line's own pytest, so there it is the end; unless pytest
        itself interrupts the session, which is how it tells of files that it can't collect.
        """
        self._world.close()
        if self._events.watched and excinfo.type is KeyboardInterrupt:
            os._exit(pytest.ExitCode.INTERRUPTED)

    def pytest_unconfigure(self) -> None:
        """Leave neither world nor worker behind."""
        self._world.close()
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the findings, and let a test without an answer be an error, not a failure."""
        report = yield
        name = _subject_name(item)
        if name is None:
            return report
        described = case_report.describe(item.path, name, self._cases.get(item), call)
        if described is not None:
            case_report.attach(item, report, described)
        if call.excinfo is not None and isinstance(call.excinfo.value, UsageError):
            report.longrepr = str(call.excinfo.value)
        if call.when == "call" and report.failed and case_report.is_inconclusive(call):
            report.when = "setup"  # pytest and JUnit count a failed set-up as an error
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Name an inconclusive test for what it is."""
        if isinstance(report, pytest.TestReport) and report.failed and report.when == "setup":
            attached = case_report.attached(report)
            if attached is not None and attached.findings:
                return "error", "E", "INCONCLUSIVE"
        return None


SESSION = pytest.StashKey[Session]()


def start(config: pytest.Config) -> None:
    """Start the session of this process.

    Raises:
        pytest.UsageError: in one line, for any input that can't be used.
    """
    try:
        events = Events(config)
        session = Session(config, events)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    except PermissionError as error:
        raise pytest.UsageError(f"{error.filename}: permission denied") from None
    config.stash[SESSION] = session
    config.pluginmanager.register(session, "scalecert-session")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(
            Conclusion(config, session.folders, events), "scalecert-conclusion"
        )


def _check_requests(case: suite.Case) -> None:
    """Refuse checks that don't exist before the scenario is run; the test file may add its own.

    Raises:
        UsageError: naming the scenario's file and the nearest check.
    """
    from scalecert.checks import shipped  # noqa: F401 - registers the checks that ship

    try:
        requested(case.scenario.spec.checks)
    except UsageError as error:
        raise error.in_file(str(case.path)) from None


def _subject_name(item: pytest.Item) -> str | None:
    """Return the name of the HPA that a test runs under, None for tests that are no case."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("scalecert_subject") if callspec else None
