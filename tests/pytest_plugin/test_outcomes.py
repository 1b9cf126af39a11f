"""Under bare pytest: findings as outcomes, whatever runs beside them."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scalecert.certificate import artifacts
from scalecert.recording import store

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
TEST = """\
from scalecert.pytest_plugin import Case

def test_{word}(case: Case) -> None:
    case.judge(case.record())
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run pytest in a child, on cases whose findings are given: `run(steady="a=pass")`."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'harness'}:{ROOT / 'tests'}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (pytester.path / "policy").write_text("a")

    def runner(*arguments: str, **findings: str) -> pytest.RunResult:
        for word, title in findings.items():
            write_case(pytester.path, word, title)
        plugins = ("-p", "scalecert.pytest_plugin", "-p", "fake_pipeline", "-p", "xdist.plugin")
        return pytester.runpytest_subprocess("--policy=policy", *plugins, *arguments)

    return runner


def write_case(folder: Path, word: str, title: str, test: str = TEST) -> None:
    text = (ROOT / "suites/core/steady.yaml").read_text()
    text = text.replace("name: steady", f"name: {word}").replace(
        "title: Steady load at 40 % of the fleet", f"title: {title}"
    )
    (folder / f"{word}.yaml").write_text(text)
    (folder / f"test_{word}.py").write_text(test.format(word=word))


def junit(folder: Path) -> ET.Element:
    return ET.parse(folder / "j.xml").getroot()  # noqa: S314 - pytest wrote it


def spec(folder: Path) -> dict:
    return json.loads((folder / "out/certificate.json").read_text())["spec"]


def verdicts(folder: Path) -> dict[tuple[str, str], str]:
    return {
        (scenario["id"], finding["id"]): finding["verdict"]
        for scenario in spec(folder)["scenarios"]
        for finding in scenario["findings"]
    }


def test_passing_findings_pass_their_test(run, pytester: pytest.Pytester):
    """All green: exit status 0, and everything is in out/."""
    result = run(steady="x=pass y=pass")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert spec(pytester.path)["verdict"] == "pass"
    assert (pytester.path / "out/junit.xml").is_file()
    assert (pytester.path / "out/recordings/steady/seed-1/scenario.json").is_file()


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["here", "xdist"])
def test_a_quick_session_is_no_success(run, pytester: pytest.Pytester, arguments: tuple[str, ...]):
    """Its tests pass, but one run certifies nothing: exit status 1, with a line that says why."""
    result = run("--quick", *arguments, steady="x=pass", ramp="x=pass")
    result.assert_outcomes(passed=2)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["INDICATIVE PASS S1*a: objective*", "scalecert: a is indicative only: *guard band*"]
    )
    found = spec(pytester.path)
    assert (found["verdict"], found["guard"]["complete"]) == ("inconclusive", False)
    assert [(one["scenario"], one["run"]) for one in found["recordings"]] == [
        ("ramp", "seed-1"),
        ("steady", "seed-1"),
    ]
    runs = [path.name for path in (pytester.path / "out/recordings/ramp").iterdir()]
    assert runs == ["seed-1"]


def test_two_sessions_do_not_write_into_one_folder(run, pytester: pytest.Pytester):
    """Neither door starts beside another run; the folder is free again after it."""
    with artifacts.claimed(pytester.path / "out"):
        result = run(steady="x=pass")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: --out *out: another run writes there (wait for it*"])
    assert run(steady="x=pass").ret == 0


def test_every_run_of_a_case_is_on_the_certificate(run, pytester: pytest.Pytester):
    """With the digest of what lies on disk."""
    assert run(steady="x=pass").ret == 0
    found = {one["run"]: one["digest"] for one in spec(pytester.path)["recordings"]}
    folder = pytester.path / "out/recordings/steady"
    assert found == {path.name: store.digest(path) for path in folder.iterdir()}
    assert list(found) == ["seed-1", "seed-2", "seed-3"]


def test_a_failed_finding_fails_its_test(run):
    """The failure lists findings with their next steps, without a traceback."""
    result = run("--junitxml=j.xml", steady="x=pass slow=fail late=fail", ramp="x=pass")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*slow: slow is what it is; next: do better*", "*late: late*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*case.judge(case.record())*")


def test_an_inconclusive_finding_is_an_error(run, pytester: pytest.Pytester):
    """Neither passed nor failed: pytest counts an error, and JUnit has <error>."""
    result = run("--junitxml=j.xml", "-v", steady="x=pass odd=inconclusive")
    assert result.ret == 1
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*test_steady.py::test_steady?a? INCONCLUSIVE*"])
    suite = junit(pytester.path)[0]
    assert (suite.get("errors"), suite.get("failures"), suite.get("tests")) == ("1", "0", "1")
    assert "odd is what it is" in suite.find("testcase/error").get("message")
    assert spec(pytester.path)["verdict"] == "inconclusive"


def test_findings_are_properties_of_the_junit_entry(run, pytester: pytest.Pytester):
    """Who reads pytest's own JUnit file finds each finding there."""
    run("--junitxml=j.xml", steady="x=pass slow=fail")
    found = {one.get("name"): one.get("value") for one in junit(pytester.path).iter("property")}
    assert found == {"x": "pass: x is what it is", "slow": "fail: slow is what it is"}


def test_a_failure_outweighs_what_is_inconclusive(run):
    """One failed finding is a failure, whatever else is open."""
    result = run(steady="odd=inconclusive slow=fail")
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("skip", ["@pytest.mark.skip(reason='later')", None])
def test_a_skipped_core_case_fails_the_session(run, pytester: pytest.Pytester, skip: str | None):
    """A suite with a hole is no green suite, however the hole was made."""
    body = "    pytest.skip('later')" if skip is None else "    case.judge(case.record())"
    text = f"import pytest\n{skip or ''}\ndef test_ramp(case):\n{body}\n"
    write_case(pytester.path, "ramp", "x=pass", text)
    result = run(steady="x=pass")
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*a is inconclusive: ramp: case-completed: *later*"])
    assert verdicts(pytester.path)["ramp", "case-completed"] == "skipped"
    assert spec(pytester.path)["verdict"] == "inconclusive"


def test_a_case_that_judges_nothing_fails_the_session(run, pytester: pytest.Pytester):
    """A test that forgets to judge has shown nothing."""
    write_case(pytester.path, "ramp", "x=pass", "def test_ramp(case):\n    case.record()\n")
    result = run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["*: a is inconclusive: ramp: case-completed: the test judged no recording"]
    )


def test_swallowed_findings_fail_the_session(run, pytester: pytest.Pytester):
    """The certificate counts what was found, not what the test made of it."""
    text = (
        "import pytest\n@pytest.mark.xfail\ndef test_ramp(case):\n    case.judge(case.record())\n"
    )
    write_case(pytester.path, "ramp", "slow=fail", text)
    assert run().ret == 1
    assert spec(pytester.path)["verdict"] == "fail"


def test_cases_left_out_on_purpose_are_no_pass(run, pytester: pytest.Pytester):
    """With -k the session may succeed, but the certificate says what is missing."""
    result = run("-k", "steady", steady="x=pass", ramp="x=pass")
    assert result.ret == 0
    assert verdicts(pytester.path)["ramp", "case-completed"] == "skipped"
    assert spec(pytester.path)["verdict"] == "inconclusive"


def test_an_authors_own_assertion_is_a_finding(run, pytester: pytest.Pytester):
    """It fails the test with pytest's own explanation, and the certificate with it."""
    text = (
        "def test_ramp(case):\n    runs = case.record()\n    case.judge(runs)\n"
        "    assert runs.nominal.plan.seed == 7, 'the seed'\n"
    )
    write_case(pytester.path, "ramp", "x=pass", text)
    result = run()
    result.assert_outcomes(failed=1)
    found = verdicts(pytester.path)
    assert found == {("ramp", "x"): "pass", ("ramp", "author-assertion"): "fail"}


def test_a_crash_is_inconclusive(run, pytester: pytest.Pytester):
    """A bug says nothing of the policy: an error, with a traceback for whoever fixes it."""
    result = run(steady="crash")
    assert result.ret == 1
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError: a bug*"])


def test_an_unusable_scenario_is_a_usage_error(run):
    """Bad input found only when a scenario is planned is one line and exit status 4."""
    result = run(steady="unusable")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*steady.yaml: found 30 % of requests beyond the context"])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_bad_input_is_one_line(run, pytester: pytest.Pytester, workers: tuple[str, ...]):
    """Told once, before anything runs; not once a test, not by each worker."""
    write_case(pytester.path, "steady", "x=pass")
    (pytester.path / "policy").unlink()
    result = run("--scalecert-out=elsewhere", *workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("policy: no such file") == 1
    assert "Traceback" not in result.stderr.str()
    assert not (pytester.path / "elsewhere").exists()


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_cases_without_a_policy_are_a_usage_error(pytester: pytest.Pytester, monkeypatch, workers):
    """Skipping them would look green."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "harness"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    write_case(pytester.path, "steady", "x=pass")
    result = pytester.runpytest_subprocess(
        "-p", "scalecert.pytest_plugin", "-p", "xdist.plugin", *workers
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert "scalecert cases need --policy FILE" in text
    assert "Traceback" not in text


def test_workers_find_the_same(run, pytester: pytest.Pytester):
    """With -n 2 findings, certificate and exit status are those of one process."""
    cases = {"steady": "x=pass odd=inconclusive", "ramp": "slow=fail", "spike": "x=pass"}
    alone = run(**cases)
    first = spec(pytester.path)
    parallel = run("-n", "2")
    assert parallel.ret == alone.ret == 1
    assert spec(pytester.path) == first
    parallel.assert_outcomes(passed=1, failed=1, errors=1)


def test_each_hpa_is_certified_by_name(run, pytester: pytest.Pytester):
    """Several HPAs: a test and a certificate each."""
    (pytester.path / "policy").write_text("a b")
    result = run(steady="x=pass b:slow=fail")
    result.assert_outcomes(passed=1, failed=1)
    names = {name: (pytester.path / "out" / name / "certificate.json").read_text() for name in "ab"}
    found = {name: json.loads(text)["spec"]["verdict"] for name, text in names.items()}
    assert found == {"a": "pass", "b": "fail"}


def test_a_stale_recording_goes(run, pytester: pytest.Pytester):
    """What is in out/ is of this run."""
    run(old="x=pass")
    (pytester.path / "test_old.py").unlink()
    (pytester.path / "old.yaml").unlink()
    run(steady="x=pass")
    assert [path.name for path in (pytester.path / "out/recordings").iterdir()] == ["steady"]


def test_collecting_alone_writes_nothing(run, pytester: pytest.Pytester):
    """--collect-only shows the cases."""
    result = run("--collect-only", "-q", steady="x=pass")
    result.stdout.fnmatch_lines(["*test_steady.py::test_steady?a?"])
    assert not (pytester.path / "out").exists()


def test_short_and_long_names_are_one_option(run, pytester: pytest.Pytester):
    """Beside --policy, --seed is --scalecert-seed."""
    run("--seed=5", steady="x=pass")
    plan = json.loads((pytester.path / "out/recordings/steady/seed-5/scenario.json").read_text())
    assert plan["variation"]["seed"] == 5


QUIET = """\
import sys
import pytest
before = set(sys.modules)
import scalecert.pytest_plugin
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("scalecert")))
print(*sorted(name for name in sys.modules if name.startswith("scalecert")))
"""


def test_the_plugin_is_quiet():
    """Loaded into every pytest run of an environment, it imports itself and nothing heavy."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        env={"PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
        check=True,
    )
    others, own = done.stdout.splitlines()
    assert not {"numpy", "msgspec", "yaml", "click"} & set(others.split())
    assert set(own.split()) == {
        "scalecert",
        "scalecert.pytest_plugin",
        "scalecert.pytest_plugin.case",
        "scalecert.pytest_plugin.options",
        "scalecert.pytest_plugin.outcomes",
    }


FOREIGN = """\
import sys
import pytest

def pytest_addoption(parser):
    for name in ("--seed", "--profile", "--workload", "--world", "--set", "--price"):
        parser.addoption(name)

@pytest.fixture
def loaded():
    return [name for name in ("numpy", "msgspec", "yaml", "click") if name in sys.modules]
"""


def test_a_foreign_project_is_left_alone(pytester: pytest.Pytester, monkeypatch):
    """Its own options, `case` parameters and fixtures work as if we were not there."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "harness"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(FOREIGN)
    pytester.makepyfile(
        test_params="""
        import pytest

        @pytest.mark.parametrize("case", [1, 2])
        def test_own_parameter(case, loaded):
            assert case in (1, 2) and loaded == []
        """,
        test_fixture="""
        import pytest

        @pytest.fixture
        def case():
            return "mine"

        def test_own_fixture(case):
            assert case == "mine"
        """,
    )
    result = pytester.runpytest_subprocess("-p", "scalecert.pytest_plugin", "--seed=x")
    result.assert_outcomes(passed=3)
    assert not (pytester.path / "out").exists()
