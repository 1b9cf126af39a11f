"""`scalecert verify` from outside: what is genuine passes, what was altered is refused.

One small certificate is made and every test alters a copy. Of its two cases one has an assertion
of the author's that fails, which is on the certificate and in no recording.
"""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_suites import PASSING, POLICY, WORDS, write_suite

from scalecert import cli
from scalecert.certificate import document
from scalecert.certificate.artifacts import case_folders
from scalecert.cli import reissue
from scalecert.recording import store

Run = Callable[..., subprocess.CompletedProcess[str]]
SIGNER = """\
import hashlib, hmac, pathlib, sys
action, file, key = sys.argv[1:]
signature = pathlib.Path(file + ".sig")
made = hmac.new(key.encode(), pathlib.Path(file).read_bytes(), hashlib.sha256).hexdigest()
print("a key is at work")
if action == "sign":
    signature.write_text(made)
else:
    sys.exit(not hmac.compare_digest(signature.read_text(), made))
"""
SIGN, CHECK = (
    f"'{sys.executable}' signer.py {verb} {{file}} hunter2" for verb in ("sign", "check")
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a policy, a suite of one's own, and `out` of certifying by it."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copyfile(POLICY, folder / "policy.yaml")
    (folder / "signer.py").write_text(SIGNER)
    suite = write_suite(folder / "own", calm=PASSING, strict=PASSING)
    with (suite / "test_strict.py").open("a") as test:
        test.write("    assert case.runs.nominal.plan.seed == 2, 'another seed'\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ("certify", "policy.yaml", *WORDS, "--suite", "own", "--jobs=1")
        assert cli.run((*words, "--sign-with", SIGN)) == 1
    return folder


@pytest.fixture
def here(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    """Return what runs a command in a copy of that folder."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    capfd.readouterr()

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        code = cli.run([str(one) for one in arguments])
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


OUT = Path("out")
CERTIFICATE = OUT / "certificate.json"


def states(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return each step's state by its name."""
    rows = [line for line in done.stdout.split("\n\n")[0].splitlines() if line]
    return {row[13:23].strip(): row[:11].strip() for row in rows}


def line_of(done: subprocess.CompletedProcess[str], step: str) -> str:
    return next(line for line in done.stdout.splitlines() if line[13:23].strip() == step)


def edit(*path: Any, value: Any) -> None:
    """Replace one value of the certificate."""
    found = json.loads(CERTIFICATE.read_text())
    place = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    CERTIFICATE.write_text(json.dumps(found))


def issue_again() -> None:
    """Forge the certificate that the recordings and findings as they are now would have."""
    issued = reissue.certificate(OUT, case_folders(OUT))
    document.save(issued, CERTIFICATE)


def drop_the_assertion() -> None:
    edit("spec", "scenarios", 1, "findings", value=[
        one
        for one in json.loads(CERTIFICATE.read_text())["spec"]["scenarios"][1]["findings"]
        if one["id"] != "author-assertion"
    ])  # fmt: skip
    issue_again()


def improve_a_recording() -> None:
    """Let every request of one run have its first token at once."""
    folder = OUT / "recordings/calm/seed-1"
    recording = store.load(folder)
    requests = dict(recording.requests)
    requests["first_token_seconds"] = np.nextafter(requests["arrival_seconds"], np.inf)
    store.save(dataclasses.replace(recording, requests=requests), folder)


def test_a_genuine_certificate(here: Run):
    """Exit code 0 though the policy is not certified: the last line tells the two apart."""
    done = here("verify", CERTIFICATE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(done) == {
        "schema": "ok",
        "recordings": "ok",
        "suite": "not checked",
        "policy": "ok",
        "profile": "ok",
        "verdict": "ok",
    }
    verified, verdict = done.stdout.splitlines()[-2:]
    assert verified == "VERIFIED out/certificate.json (not checked: suite)"
    assert verdict.startswith("NOT CERTIFIED S1")
    assert states(here("verify", "out", "--suite", "own"))["suite"] == "ok"


def test_formatting_and_date_are_no_difference(here: Run):
    """What a formatter does to JSON is none, and the date is the only fact that may be another."""
    edit("metadata", "date", value="1999-01-01T00:00:00Z")
    assert here("verify", CERTIFICATE).returncode == 0


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("spec", "verdict"), "pass", 'spec.verdict: found "pass", recomputed "fail"'),
        (("spec", "scenarios", 0, "findings", 0, "measured"), 0.09,
         "spec.scenarios[0].findings[0].measured: found 0.09, recomputed "),
        (("spec", "assurance", "level"), "S2", 'spec.assurance.level: found "S2", recomputed "S1"'),
        (("spec", "scenarios", 1, "findings", 3, "verdict"), "pass",
         'spec.scenarios[1].findings[3].verdict: found "pass", recomputed "fail"'),
        (("spec", "given"), None, "spec.given: found null"),
        (("spec", "note"), "approved", 'spec.note: found "approved", recomputed nothing'),
    ],
)  # fmt: skip
def test_a_certificate_edited_by_hand_is_refused(
    here: Run, path: tuple[Any, ...], value: Any, text: str
):
    """Exit code 1, and one line that names the first field that differs."""
    edit(*path, value=value)
    done = here("verify", CERTIFICATE)
    assert done.returncode == 1
    assert text in line_of(done, "verdict")
    assert done.stdout.splitlines()[-1].startswith("REFUSED out/certificate.json: ")


def test_a_scenario_that_is_left_out_is_refused(here: Run):
    """Its recordings are there and not named; where they are gone too, the suite has the case."""
    found = json.loads(CERTIFICATE.read_text())["spec"]
    edit("spec", "scenarios", value=found["scenarios"][:1])
    calm = [one for one in found["recordings"] if one["scenario"] == "calm"]
    edit("spec", "recordings", value=calm)
    assert states(here("verify", CERTIFICATE))["recordings"] == "differs"
    shutil.rmtree(OUT / "recordings/strict")
    issue_again()
    assert here("verify", CERTIFICATE).returncode == 0
    done = here("verify", CERTIFICATE, "--suite", "own")
    assert done.returncode == 1
    assert states(done)["verdict"] == "differs"


def test_a_case_said_not_to_have_run_is_no_pass(here: Run):
    """Who takes a failure's recordings out and says that it was not run gets no pass for it."""
    shutil.rmtree(OUT / "recordings/strict")
    result = json.loads(CERTIFICATE.read_text())["spec"]["scenarios"][1]
    about = {**result["findings"][3], "id": "case-completed", "message": "not today"}
    for verdict in ("pass", "skipped"):
        edit("spec", "scenarios", 1, "findings", value=[{**about, "verdict": verdict}])
        issue_again()
        done = here("verify", CERTIFICATE)
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1].startswith("INCONCLUSIVE S1")


def test_what_is_no_readable_certificate_of_ours(here: Run):
    """A certificate that lacks a field, or has one twice, differs; other files are no input."""
    text = CERTIFICATE.read_text()
    CERTIFICATE.write_text(
        text.replace('"verdict": "fail"', '"verdict": "fail", "verdict": "fail"')
    )
    assert "twice" in line_of(here("verify", CERTIFICATE), "schema")
    CERTIFICATE.write_text(
        text.replace('"kind": "Certificate"', '"kind": "Certificate", "spec": 1')
    )
    edit("spec", value={})
    done = here("verify", CERTIFICATE)
    assert (done.returncode, states(done)) == (1, {"schema": "differs"})
    for data in ("", "[]", "{}", '{"kind": "Plan"}', "{" * 100_000, "\xff"):
        CERTIFICATE.write_text(data, encoding="latin-1")
        done = here("verify", CERTIFICATE)
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert here("verify", "nowhere.json").returncode == 2


def test_an_edited_recording_is_refused(here: Run):
    """By its digest, which names the recording; so is one that is missing or added."""
    improve_a_recording()
    done = here("verify", CERTIFICATE)
    assert done.returncode == 1
    assert "recordings/calm/seed-1: found sha256:" in line_of(done, "recordings")
    shutil.move(OUT / "recordings/calm/seed-1", OUT / "recordings/calm/seed-9")
    done = here("verify", CERTIFICATE)
    assert "seed-1: named, but not there" in line_of(done, "recordings")
    assert "can't be recomputed" in line_of(done, "verdict")


def test_a_recording_that_can_not_be_read_is_refused(here: Run):
    """Even if its digest is the one that is named."""
    (OUT / "recordings/calm/seed-1/series.npz").write_bytes(b"no archive")
    found = json.loads(CERTIFICATE.read_text())["spec"]["recordings"]
    found[0]["digest"] = store.digest(OUT / "recordings/calm/seed-1")
    edit("spec", "recordings", value=found)
    done = here("verify", CERTIFICATE)
    assert (done.returncode, states(done)["recordings"]) == (1, "ok")
    assert "can't be recomputed" in line_of(done, "verdict")


@pytest.mark.parametrize(
    ("path", "value"),
    [(("policy", "spec", "behavior"), "x"), (("load", "inputTokensMean"), 1e308), (("world",), "")],
)
def test_a_plan_made_up_is_refused(here: Run, path: tuple[str, ...], value: Any):
    """However it breaks the judging: one line, exit code 1, no internal error."""
    shutil.rmtree(OUT / "recordings/strict")
    for folder in (OUT / "recordings/calm").iterdir():
        plan = json.loads((folder / "scenario.json").read_text())
        place = plan
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        (folder / "scenario.json").write_text(json.dumps(plan))
    refs = json.loads(CERTIFICATE.read_text())["spec"]["recordings"]
    calm = [one for one in refs if one["scenario"] == "calm"]
    digests = [store.digest(OUT / "recordings/calm" / one["run"]) for one in calm]
    forged = [{**one, "digest": digest} for one, digest in zip(calm, digests, strict=True)]
    edit("spec", "recordings", value=forged)
    done = here("verify", CERTIFICATE)
    assert (done.returncode, states(done)["recordings"]) == (1, "ok")
    assert states(done)["verdict"] == "differs"


def test_names_of_recordings_lead_nowhere_else(here: Run):
    """A certificate can't have files read that are not recordings beside it."""
    shutil.move(OUT / "recordings/calm", OUT / "calm")
    found = json.loads(CERTIFICATE.read_text())["spec"]["recordings"]
    for one in found:
        one["scenario"] = one["scenario"].replace("calm", "../calm")
    edit("spec", "recordings", value=found)
    done = here("verify", CERTIFICATE)
    assert "named, but not there" in line_of(done, "recordings")


@pytest.mark.parametrize(
    ("forge", "text"),
    [
        (improve_a_recording, "recordings/calm/seed-1/requests.npz: not what the simulation gives"),
        (drop_the_assertion, "spec.scenarios[1].findings[3]: found nothing, rerun {"),
    ],
)
def test_only_a_rerun_finds_what_was_forged_consistently(
    here: Run, forge: Callable[[], None], text: str
):
    """Digests and verdict computed anew pass; what the simulation and the tests say does not."""
    forge()
    issue_again()
    done = here("verify", CERTIFICATE, "--suite", "own")
    assert (done.returncode, set(states(done).values())) == (0, {"ok"})
    done = here("verify", CERTIFICATE, "--suite", "own", "--rerun", "--jobs=1")
    assert done.returncode == 1
    assert text in done.stdout
    assert states(done)["rerun"] == "differs"


def test_a_rerun_with_inputs_from_elsewhere(here: Run):
    """Where manifests moved --policy names them; only where they lie may differ."""
    Path("policy.yaml").rename("moved.yaml")
    assert states(here("verify", CERTIFICATE))["policy"] == "not checked"
    options = ("--policy", "moved.yaml", "--suite", "own", "--rerun")
    done = here("verify", CERTIFICATE, *options)
    assert (done.returncode, set(states(done).values())) == (0, {"ok"}), done.stdout


def test_a_rerun_says_what_it_lacks(here: Run):
    """Exit code 2: what was asked for could not be done, and nothing differs."""
    done = here("verify", CERTIFICATE, "--rerun")
    assert (done.returncode, states(done)["rerun"]) == (2, "not checked")
    assert "rerun can't be checked: needs --suite FOLDER of own" in done.stderr


def test_a_changed_policy_is_told(here: Run, monkeypatch: pytest.MonkeyPatch):
    """By the digest of its manifests, wherever they come from."""
    piped = io.TextIOWrapper(io.BytesIO(Path("policy.yaml").read_bytes()))
    monkeypatch.setattr(sys, "stdin", piped)
    assert states(here("verify", CERTIFICATE, "--policy", "-"))["policy"] == "ok"
    text = Path("policy.yaml").read_text()
    Path("policy.yaml").write_text(text.replace("maxReplicas: 10", "maxReplicas: 11"))
    done = here("verify", CERTIFICATE)
    assert (done.returncode, states(done)["policy"]) == (1, "differs")
    assert states(done)["verdict"] == "ok"
    done = here("verify", CERTIFICATE, "--policy", "nowhere.yaml")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_another_profile_is_told(here: Run):
    """`--profile` is held against the digest of the one that the certificate names."""
    done = here("verify", CERTIFICATE, "--profile", "vllm_llama-2-7b_h100")
    assert (done.returncode, states(done)["profile"]) == (1, "differs")
    assert here("verify", CERTIFICATE, "--profile", "nothing").returncode == 2


def test_values_of_settings_are_kept_nowhere(here: Run):
    """They may be secrets: the certificate names them, and verify asks for them again."""
    text = Path("policy.yaml").read_text()
    place = "metadata:\n  name: vllm-num-requests-running\n"
    assert place in text
    Path("policy.yaml").write_text(
        text.replace(place, f"{place}  annotations: {{token: $TOKEN}}\n")
    )
    words = ("--suite", "own", "--quick", "--set", "TOKEN=s3cret-s3cret")
    here("certify", "policy.yaml", *WORDS, *words)
    given = json.loads(CERTIFICATE.read_text())["spec"]["given"]
    assert (given["settings"], given["quick"]) == (["TOKEN"], True)
    assert not [path for path in OUT.rglob("*.*") if b"s3cret-s3cret" in path.read_bytes()]
    done = here("verify", CERTIFICATE)
    assert (done.returncode, states(done)["policy"]) == (0, "not checked")
    assert "needs --set of TOKEN" in line_of(done, "policy")
    assert states(here("verify", CERTIFICATE, "--set", "TOKEN=x"))["policy"] == "differs"
    assert states(here("verify", CERTIFICATE, "--set", "TOKEN=s3cret-s3cret"))["policy"] == "ok"


def test_a_signature_by_a_command_of_the_users(here: Run):
    """Signed once it is written, checked by another command, refused after any edit."""
    done = here("verify", CERTIFICATE, "--signature", CHECK)
    assert (done.returncode, states(done)["signature"]) == (0, "ok")
    assert "a key is at work" not in done.stdout  # what a command prints is no result
    wrong = here("verify", CERTIFICATE, "--signature", CHECK.replace("hunter2", "hunter3"))
    assert (wrong.returncode, states(wrong)["signature"]) == (1, "differs")
    assert "hunter" not in wrong.stdout + wrong.stderr
    edit("metadata", "date", value="1999-01-01T00:00:00Z")
    assert states(here("verify", CERTIFICATE, "--signature", CHECK))["signature"] == "differs"


def test_a_command_that_fails_to_sign(here: Run):
    """One line, exit code 3, nothing of its words but the first; the certificate is there."""
    words = ("certify", "policy.yaml", *WORDS, "--suite", "own", "--quick", "--sign-with")
    done = here(*words, "false hunter2 {file}")
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last == "scalecert: out/certificate.json is written but not signed: false ended with 1"
    for command in ("true", "true 'x {file}", ""):
        done = here(*words, command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    done = here("verify", CERTIFICATE, "--signature", "no-such-command {file}")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_a_statement_is_printed(here: Run):
    """For other tools to sign."""
    done = here("statement", CERTIFICATE)
    found = json.loads(done.stdout)
    assert (done.returncode, found["subject"][0]["name"]) == (0, "certificate.json")
    assert found["predicate"]["verdict"] == "fail"
