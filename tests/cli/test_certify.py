"""`scalecert certify` from outside: its own pytest, exit codes, files, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from own_suites import (
    FAILING,
    PASSING,
    POLICY,
    WORDS,
    bytes_of,
    certificate,
    environment,
    scalecert,
    undated,
    write_suite,
)


def test_a_certified_policy(tmp_path: Path):
    """Exit code 0; rows and summary on stdout, progress on stderr, the artifacts in out/."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    done = scalecert("certify", POLICY, *WORDS, "--suite", suite, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows, _, summary = done.stdout.partition("\n\n")
    assert [line.split()[0] for line in rows.splitlines()] == ["SCENARIO", *["calm"] * 3]
    first = summary.splitlines()[0]
    assert first.startswith("CERTIFIED S1")
    assert "vllm-num-requests-running: objective ttft_p95=2s,tpot_p95=100ms" in first
    assert "[1/1] calm: pass" in done.stderr.splitlines()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "certificate.json",
        "junit.xml",
        "recordings",
    ]


def test_a_failing_policy(tmp_path: Path, here):
    """Exit code 1, and every scenario is in the progress and on the certificate."""
    suite = write_suite(tmp_path / "own", calm=PASSING, hard=FAILING)
    done = here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite, "--json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout) == certificate(tmp_path / "out")
    results = certificate(tmp_path / "out")["spec"]["scenarios"]
    assert {one["id"]: one["verdict"] for one in results} == {"calm": "pass", "hard": "fail"}


def test_an_inconclusive_suite(tmp_path: Path, here):
    """Exit code 3 where a case was skipped, never 0."""
    suite = write_suite(tmp_path / "own", calm=PASSING, later=PASSING)
    skip = "import pytest\ndef test_later(case):\n    pytest.skip('not today')\n"
    (suite / "test_later.py").write_text(skip)
    done = here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite)
    assert done.returncode == 3
    assert "not today" in done.stdout


def test_nothing_of_the_users_configures_pytest(tmp_path: Path):
    """Foreign conftest, ini, options, plugins and modules of the folder change nothing."""
    suite = write_suite(tmp_path / "own", calm=PASSING, busy=PASSING)
    trap = "raise SystemExit('loaded')\n"
    for name in ("conftest.py", "own/conftest.py", "numpy.py", "json.py", "execnet.py", "trap.py"):
        (tmp_path / name).write_text(trap)
    for name in ("pytest.ini", "own/pytest.ini"):
        (tmp_path / name).write_text("[pytest]\naddopts = --collect-only --strict-unknown\n")
    done = scalecert(
        *("certify", POLICY, *WORDS, "--suite", suite, "--jobs", "2"),
        cwd=tmp_path,
        PYTEST_ADDOPTS="--collect-only",
        PYTEST_PLUGINS="trap",
        PYTHONSAFEPATH="1",  # `python -m` would put the folder on the path, the script doesn't
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_two_doors_find_the_same(tmp_path: Path):
    """Certificate, JUnit and recordings are byte-identical, in one process, in two, by pytest."""
    suite = write_suite(tmp_path / "own", calm=PASSING, hard=FAILING)
    common = (*WORDS[:2], "--scalecert-capacity=1.8")
    scalecert("certify", POLICY, *WORDS, "--suite", suite, "--jobs", "2", cwd=tmp_path)
    scalecert("certify", POLICY, *WORDS, "--suite", suite, "--jobs=1", "--out=one", cwd=tmp_path,
              PYTHONHASHSEED="7")  # fmt: skip
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "scalecert.pytest_plugin",
        "-p",
        "xdist.plugin",
    ]
    done = subprocess.run(
        [*command, "own", "-n", "2", f"--policy={POLICY}", *common, "--scalecert-out=bare"],
        cwd=tmp_path,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "NOT CERTIFIED" in done.stdout
    for other in ("one", "bare"):
        assert undated(tmp_path / other) == undated(tmp_path / "out")
        assert bytes_of(tmp_path / other) == bytes_of(tmp_path / "out")


def test_rechecking_says_the_same(tmp_path: Path, here):
    """Rows, verdict and exit code again, without a world; of one recording its findings."""
    suite = write_suite(tmp_path / "own", calm=PASSING, hard=FAILING)
    done = here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite)
    again = here("recheck", "out")
    assert (again.returncode, again.stdout) == (done.returncode, done.stdout)
    whole, alone = ("pass", 0, "(5 runs)"), ("indicative pass", 3, "(1 run)")
    for place, (word, code, count) in (("calm", whole), ("calm/slow", alone)):
        one = here("recheck", f"out/recordings/{place}")
        assert one.returncode == code
        last = one.stdout.splitlines()[-1]
        assert last.startswith(f"{word} calm: vllm-num-requests-running")
        assert last.endswith(count)


def test_rechecking_keeps_what_recordings_cannot_tell(tmp_path: Path, here):
    """A failed assertion of the author's is on the certificate, in no recording."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    with (suite / "test_calm.py").open("a") as test:
        test.write("    assert case.runs.nominal.plan.seed == 2, 'another seed'\n")
    done = here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite)
    again = here("recheck", "out")
    assert done.returncode == again.returncode == 1
    assert "author-assertion" in again.stdout


def test_rechecking_misses_a_recording_that_is_gone(tmp_path: Path, here):
    """What was certified with a case is not certified without it: neither shipped nor own."""
    suite = write_suite(tmp_path / "own", calm=PASSING, busy=PASSING)
    here("certify", POLICY, *WORDS, "--jobs=1", "--suite", suite)
    shutil.rmtree(tmp_path / "out/recordings/busy")
    again = here("recheck", "out")
    assert again.returncode == 3
    assert "its recording is gone" in again.stdout


OWN_CHECK = """\
from scalecert.checks.registry import Outcome, check

@check(id="own-quota", title="Quota", question="Is it kept?", formula="highest spec.replicas",
       source="our quota", unit="replicas", default_limit=8.0)
def own_quota(recording, limit):
    return Outcome(measured=float(recording.series["pods.spec"].max()), message="counted")
"""


def test_a_check_of_the_authors_own(tmp_path: Path):
    """It may lie in a module beside the tests; rechecking needs the suite's folder, and says so."""
    suite = write_suite(tmp_path / "own", calm="id: own-quota", busy=PASSING)
    (suite / "quota.py").write_text(OWN_CHECK)
    test = suite / "test_calm.py"
    test.write_text("import quota\n\n\n" + test.read_text())
    done = scalecert("certify", POLICY, *WORDS, "--suite", suite, "--jobs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert scalecert("explain", "own-quota", "--suite", suite, cwd=tmp_path).returncode == 0
    without = scalecert("recheck", "out", cwd=tmp_path)
    assert without.returncode == 3
    assert "--suite FOLDER" in without.stdout
    again = scalecert("recheck", "out", "--suite", suite, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    (suite / "quota.py").unlink()
    broken = scalecert("recheck", "out", "--suite", suite, cwd=tmp_path)
    assert (broken.returncode, len(broken.stderr.splitlines())) == (2, 1)
    assert "test_calm.py: can't be imported: ModuleNotFoundError" in broken.stderr


def test_one_recording_of_a_suite_is_no_certificate(here):
    """`run` records one case; rechecking the folder misses the others and says so."""
    done = here("run", "steady", "--policy", POLICY, *WORDS, "--json")
    (facts,) = json.loads(done.stdout)
    assert facts["served"] == facts["requests"] > 0
    assert facts["folder"] == "out/recordings/steady/seed-1"
    bill = facts["bill"]
    assert facts["tokensPerCurrencyUnit"] == bill["tokens"] / bill["cost"] > 0
    one = here("recheck", facts["folder"])
    assert f"${bill['cost']:.2f}: " in one.stdout
    assert one.returncode in (0, 1, 3)
    assert one.stdout.splitlines()[-1].endswith("(1 run)")
    again = here("recheck", "out")
    assert "case-completed" in again.stdout
    assert "INDICATIVE INCONCLUSIVE" in again.stdout
    assert again.returncode == 3


def test_a_policy_on_standard_input(tmp_path: Path):
    """`helm template . | scalecert certify -`: every process reads what was piped in once."""
    suite = write_suite(tmp_path / "own", calm=PASSING, busy=PASSING)
    words = ("certify", "-", *WORDS, "--suite", suite, "--jobs", "2")
    done = scalecert(*words, cwd=tmp_path, stdin=POLICY.read_text())
    assert done.returncode == 0, done.stderr
    assert certificate(tmp_path / "out")["spec"]["policy"]["file"] == "stdin"


def test_each_hpa_has_its_own_certificate(tmp_path: Path, here):
    """Two HPAs: --json is a list, out/ has a folder each, and the worse exit code counts."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    policies = tmp_path / "policies"
    policies.mkdir()
    for name in ("one", "two"):
        text = POLICY.read_text().replace("vllm-llama-2-7b", name)
        (policies / f"{name}.yaml").write_text(
            text.replace("name: vllm-num-requests-running", f"name: hpa-{name}")
        )
    done = here("certify", "policies", *WORDS, "--jobs=1", "--suite", suite, "--json")
    assert done.returncode == 0, done.stderr
    names = [one["metadata"]["name"] for one in json.loads(done.stdout)]
    assert names == ["hpa-one", "hpa-two"]
    assert [certificate(tmp_path / "out" / name)["metadata"]["name"] for name in names] == names
    again = here("recheck", "out", "--json")
    assert [one["metadata"]["name"] for one in json.loads(again.stdout)] == names


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere.yaml", *WORDS), "nowhere.yaml"),
        ((POLICY,), "--objective"),
        ((POLICY, *WORDS, "--suite", "nowhere"), "nowhere"),
        ((POLICY, *WORDS, "--profile", "vllm_llama-2-7b_l5"), "did you mean"),
        ((POLICY, *WORDS, "--out", "own/calm.yaml/out"), "own/calm.yaml/out"),
    ],
)
def test_unusable_input_is_one_line(
    tmp_path: Path, here, words: tuple[str | Path, ...], expected: str
):
    """Exit code 2 at once, one line, no traceback."""
    write_suite(tmp_path / "own", calm=PASSING)
    done = here("certify", "--suite", "own", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--price", "nan"), "--price: found nan, expected a number, 0 or more"),
        (("--capacity", "inf"), "--capacity: found inf, expected a number, more than 0"),
        (("--workload", "back.csv"), "back.csv:3: found a request 1 s before the one above"),
        (
            ("--workload", "long.yaml"),
            "--workload: workload.sizes: found no request that the server takes",
        ),
    ],
)
def test_unusable_figures_and_traffic_are_one_line(
    tmp_path: Path, words: tuple[str, ...], expected: str
):
    """Whether found before anything runs or while a scenario is planned: one line, exit code 2."""
    rows = (
        "TIMESTAMP,ContextTokens,GeneratedTokens",
        *(f"2023-11-16 18:15:4{i},9,9" for i in (6, 5)),
    )
    (tmp_path / "back.csv").write_text("\n".join(rows))
    (tmp_path / "long.yaml").write_text(
        "apiVersion: scalecert.dev/v1\nkind: Workload\nmetadata: {name: long}\nspec:\n  sizes:\n"
        "    input: {distribution: fixed, tokens: 5000}\n"
        "    output: {distribution: fixed, tokens: 50}\n"
    )
    suite = write_suite(tmp_path / "own", calm=PASSING)
    given = ("--objective", "ttft_p95=2s", "--suite", suite, *words)
    done = scalecert("certify", POLICY, *given, cwd=tmp_path)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in line


def test_an_unusable_case_is_one_line(tmp_path: Path, here):
    """A check that does not exist, and a test file that does not compile: exit code 2, named."""
    suite = write_suite(tmp_path / "own", calm="id: no-request-lots")
    words = ("certify", POLICY, *WORDS, "--suite", suite)
    done = here(*words)
    assert done.returncode == 2
    assert "calm.yaml" in done.stderr.splitlines()[-1]
    assert "did you mean no-request-lost?" in done.stderr.splitlines()[-1]
    (suite / "test_calm.py").write_text("def test_calm(case:\n")
    done = here(*words)
    assert done.returncode == 2
    assert "SyntaxError" in done.stderr.splitlines()[-1]


def test_a_crash_is_no_verdict(tmp_path: Path, here):
    """A case that breaks in its own code: exit code 3, never certified, never 'not certified'."""
    suite = write_suite(tmp_path / "own", calm=PASSING)
    (suite / "test_calm.py").write_text("def test_calm(case):\n    1 / 0\n")
    done = here("certify", POLICY, *WORDS, "--suite", suite)
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds child processes by /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, number: signal.Signals):
    """Ctrl-C: exit code 130, one line, and no child or worker goes on."""
    suite = write_suite(
        tmp_path / "own", rate="0.9 max", duration="40h", calm=PASSING, busy=PASSING
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "scalecert", "certify", POLICY, *WORDS, "--suite", suite],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        (child,) = _children(process.pid, count=1)
        workers = _children(child, count=2)
        process.send_signal(number)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read().strip() == "scalecert: interrupted"
    assert not any(_is_running(pid) for pid in (child, *workers))


def _children(pid: int, *, count: int) -> list[int]:
    """Return the children of a process, once it has so many."""
    while True:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(found) >= count:
            return [int(one) for one in found]


def _is_running(pid: int) -> bool:
    """Tell whether a process goes on, within the moment that a killed one takes to end."""
    for _ in range(1000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state in "ZX":  # ended; whoever adopted it has yet to collect it
            return False
    return True
