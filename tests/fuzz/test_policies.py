"""Whatever a manifest holds: a verdict, or one line."""

from __future__ import annotations

from pathlib import Path

from fuzz import sound
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.judging import run_and_judge
from fuzz.mutations import as_yaml, spoilt, spoilt_text
from hypothesis import given
from hypothesis import strategies as st

from scalecert import pipeline
from scalecert.cli.linting import lint
from scalecert.documents import canonical_json

PLACES = st.sampled_from(sound.POLICIES)


@effort("manifests")
@given(data=PLACES.flatmap(lambda path: spoilt_text(sound.documents(path))))
def test_a_spoilt_manifest_is_read_and_linted_or_refused(tally: Tally, folder: Path, data: bytes):
    """Loading, resolving and lint take or refuse any text."""

    def work() -> bool:
        file = folder / "policy.yaml"
        file.write_bytes(data)
        inputs = pipeline.Inputs(policies=(str(file),), objective=sound.OBJECTIVE)
        for subject in pipeline.subjects(inputs):
            for finding in lint(subject.policy, subject.resolved):
                canonical_json(finding)
        return True

    tally.answer(work)


@effort("policies that run")
@given(documents=PLACES.flatmap(lambda path: spoilt(sound.documents(path))))
def test_a_spoilt_policy_is_run_and_judged_or_refused(tally: Tally, folder: Path, documents: list):
    """What loading lets through gets through planning, the simulator, checks and reports."""

    def work() -> object:
        file = folder / "policy.yaml"
        file.write_bytes(as_yaml(documents))
        trial = sound.trial(sound.subject_of(file), sound.scenario(), folder)
        return run_and_judge(trial)

    tally.answer(work)
