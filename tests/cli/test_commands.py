"""The command line around the pipeline: help, words, tables, skeletons."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from scalecert import cli, suite
from scalecert.cli.lazy import COMMANDS
from scalecert.policy.lint import RULES

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "fixtures/policies/vllm-num-requests-running.yaml"
HEAVY = {"numpy", "msgspec", "yaml", "pytest", "scalecert.pipeline", "scalecert.suite"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "scalecert", *arguments],
        env={"PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_imports_nothing_heavy():
    """`scalecert --help` answers at once: click is all it needs."""
    code = "import sys; from scalecert import cli; cli.run(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "harness")},
        capture_output=True,
        text=True,
        check=True,
    )
    *text, modules = done.stdout.splitlines()
    listed = {line.split()[0] for line in text if line.startswith("  ") and line.strip()}
    assert set(COMMANDS) <= listed
    assert not HEAVY & set(modules.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_commands_says_what_each_says(name: str):
    """The overview is the first line of the command's own help, and importing it is light."""
    command = importlib.import_module(f"scalecert.cli.{name}_command").command
    assert command.name == name
    assert command.help.splitlines()[0] == COMMANDS[name]
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


@pytest.mark.parametrize("arguments", [["mock"], ["mock", "--help"]])
def test_the_mock_servers_are_listed(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    """Each server, and nothing else of the folder: what they share is none."""
    assert cli.run(arguments) == 0
    _, listed = capsys.readouterr().out.split("Commands:\n")
    names = [line.split()[0] for line in listed.splitlines() if not line.startswith("   ")]
    assert names == ["accelerator", "jetstream", "tgi", "vllm"]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["certfy"], "did you mean certify?"),
        (["suites", "--jsn"], "Did you mean '--json'?"),
        (["explain", "ttft-objectiv"], "did you mean ttft-objective?"),
        (["explain", "ramp-up"], "did you mean ramp?"),
        (["schema", "scenaro"], "did you mean scenario?"),
        (["certify", "x.yaml", "--suite", "coer"], "x.yaml"),
        (["certify"], "POLICY"),
        (["recheck", "nowhere"], "--out"),
        (["run", "steady"], "--policy"),
        (["lint", "nowhere.yaml"], "nowhere.yaml"),
        (["certify", "x.yaml", "--set", "A"], "NAME=VALUE"),
        (["certify", "x.yaml", "--seed", "one"], "--seed"),
        (["profile", "estimate", "--engine", "vllm", "--model", "llama-2-7", "--accelerator", "l4"],
         "did you mean llama-2-7b?"),
        (["profile", "estimate", "--engine", "vllm", "--model", "no.yaml", "--accelerator", "l4"],
         "no.yaml: no such file"),
        (["init", ".", "--id", "Not Kebab"], "kebab"),
    ],
)  # fmt: skip
def test_unusable_words_get_one_line(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
):
    """Exit code 2, one line on stderr with the next step, nothing on stdout."""
    assert cli.run(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert hint in output.err


def test_an_internal_error_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A bug of ours is no verdict: exit code 3, and -v has the traceback."""
    monkeypatch.setattr(suite, "suites", lambda: 1 / 0)
    assert cli.run(["suites"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("scalecert: internal error: ZeroDivisionError: division by zero")
    assert "-v" in line
    assert cli.run(["-v", "suites"]) == 3
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_has_its_own_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """Ctrl-C: 130, one line."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "suites", interrupted)
    assert cli.run(["suites"]) == 130
    assert capsys.readouterr().err.strip() == "scalecert: interrupted"


@pytest.mark.parametrize("words", [["lint"], ["recheck"], ["init"]])
def test_what_may_not_be_read_is_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A folder without permission is unusable input, for whoever is not root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    cli.run(["lint", str(POLICY)])  # imports everything while it may
    capsys.readouterr()
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        code = cli.run([*words, str(closed / "x")])
    finally:
        os.seteuid(user)
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert "ermission denied" in line


@pytest.mark.parametrize("words", [["-v", "lint"], ["lint", "-v"]])
def test_verbose_goes_before_and_behind_the_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
):
    """`-v` is understood by every command."""
    assert cli.run([*words, str(POLICY)]) == 0
    assert capsys.readouterr().err == ""


def test_suites_are_listed(capsys: pytest.CaptureFixture[str]):
    """With their cases, version and digest; --json for programs."""
    assert cli.run(["suites"]) == 0
    text = capsys.readouterr().out
    assert cli.run(["suites", "--json"]) == 0
    (core,) = (one for one in json.loads(capsys.readouterr().out) if one["name"] == "core")
    assert core["digest"] == suite.find_suite("core").digest
    for case in core["cases"]:
        assert case["id"] in text
        assert case["why"] in text


def test_profiles_are_listed(capsys: pytest.CaptureFixture[str]):
    """Measured and estimated ones are told apart."""
    assert cli.run(["profiles"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert rows["vllm_llama-2-7b_h200"].endswith("measured")
    assert rows["vllm_llama-2-7b_l4"].endswith("estimated")


def test_a_profile_is_estimated(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """To stdout or a file, which --profile takes."""
    words = ["profile", "estimate", "--engine", "vllm", "--model", "llama-2-7b"]
    words += ["--accelerator", "l4"]
    assert cli.run(words) == 0
    text = capsys.readouterr().out
    assert "kind: EngineProfile" in text
    assert cli.run([*words, "--out", str(tmp_path / "own.yaml")]) == 0
    assert (tmp_path / "own.yaml").read_text() == text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--server-args", "'"], "--server-args: can't be split into words"),
        (["--out", "own.yaml"], "found a prefill error of"),
    ],
)
def test_a_comparison_that_comes_to_nothing_is_one_line(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    says: str,
):
    """Flags without an end, and a profile that is no guard band away from the server."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{number / 10},9,9,0.001,0.0001\n" for number in range(200))
    header = "sent_seconds,input_tokens,output_tokens,ttft_seconds,tpot_seconds\n"
    Path("m.csv").write_text(header + rows)
    assert cli.run(["profile", "compare", "vllm_llama-2-7b_h200", "m.csv", *words]) == 2
    complaint = capsys.readouterr().err
    assert says in complaint
    assert complaint.count("\n") == 1
    assert not Path("own.yaml").exists()


def test_every_check_and_scenario_is_explained(capsys: pytest.CaptureFixture[str]):
    """What it asks, how it is computed, where its limit is from."""
    assert cli.run(["explain", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {"steady", "ramp", "spike", "idle-load-idle"} <= set(facts)
    assert {rule.id for rule in RULES} <= set(facts)
    for word, fact in facts.items():
        assert cli.run(["explain", word]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"{word} ({fact['kind']}, {fact['level']}): ")
        lines = [line for line in text.splitlines()[1:] if not line.startswith("  file ")]
        assert all(len(line) <= 100 for line in lines), "it fits a terminal"
        told = {"scenario": "why", "check": "formula", "case": "question", "lint": "why"}
        assert fact[told[fact["kind"]]] in " ".join(text.split())


def test_every_lint_rule_is_in_the_reference():
    """docs/reference/lint.md has a row for each rule, with its question and its worst verdict."""
    page = (ROOT / "docs/reference/lint.md").read_text()
    for rule in RULES:
        assert f"| `{rule.id}` | {rule.question} | {rule.worst} | {rule.why} |" in page
    assert page.count("| `") == len(RULES) + 2, "and the two that are checks too"


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]):
    """Of a scenario, unless another document is named."""
    assert cli.run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$ref"] == "#/$defs/Scenario"


def test_init_makes_a_suite_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The skeleton is a case of under 15 lines of test, with a schema for the editor."""
    assert cli.run(["init", str(tmp_path / "own"), "--id", "lunch-peak"]) == 0
    assert "--policy POLICY" in capsys.readouterr().out
    made = suite.load_suite(tmp_path / "own")
    assert (made.name, [case.id for case in made.cases]) == ("own", ["lunch-peak"])
    assert len(made.cases[0].test_file.read_text().splitlines()) < 15
    scenario = (tmp_path / "own" / "lunch-peak.yaml").read_text()
    assert scenario.startswith("# yaml-language-server: $schema=scenario.schema.json")
    assert (tmp_path / "own" / "scenario.schema.json").is_file()


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One file in the way: that is said, and none is written."""
    (tmp_path / "test_own_load.py").write_text("mine")
    assert cli.run(["init", str(tmp_path)]) == 2
    assert "test_own_load.py: is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["test_own_load.py"]


def test_python_dash_m_is_the_command_line():
    """`python -m scalecert --version` where no script is installed."""
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("scalecert, version ")


def test_a_closed_pipe_is_said_by_the_exit_code_alone():
    """`scalecert explain | head -1`: no traceback, and never the code of a certified policy."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "scalecert", "explain"],
        env={"PYTHONPATH": str(ROOT / "harness")},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_names_in_a_manifest_can_not_act_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A control sequence in a metric's name is spelt out, one line a finding."""
    policy = tmp_path / "policy.yaml"
    name = "prometheus.googleapis.com|vllm:num_requests_running|gauge"
    assert name in POLICY.read_text()
    policy.write_text(POLICY.read_text().replace(name, r'"vllm:\e[2Jx\ny"'))
    assert cli.run(["lint", str(policy)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert any(r"vllm:\x1b[2Jx y" in line for line in lines)
