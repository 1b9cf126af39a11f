"""Whatever an engine profile says: a server, or one line."""

from __future__ import annotations

from pathlib import Path

from fuzz import sound
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.judging import run_and_judge
from fuzz.mutations import spoilt_text
from hypothesis import given
from hypothesis import strategies as st

from scalecert import pipeline
from scalecert.planning.prepare import prepare


@effort("profiles")
@given(
    profile=st.sampled_from(sound.PROFILES).flatmap(
        lambda path: st.tuples(
            st.just(sound.POLICY_OF_ENGINE[path.name.partition("_")[0]]),
            spoilt_text(sound.documents(path)),
        )
    ),
    pinned=st.sampled_from([None, sound.CAPACITY_PER_SECOND, sound.CAPACITY_PER_SECOND]),
)
def test_a_spoilt_profile_serves_or_is_refused(
    tally: Tally, folder: Path, profile: tuple[Path, bytes], pinned: float | None
):
    """The capacity of any server is found, and a run of it ends; or its profile is refused."""

    def work() -> object:
        policy, data = profile
        file = folder / "profile.yaml"
        file.write_bytes(data)
        inputs = pipeline.Inputs(
            policies=(str(policy),),
            objective=sound.OBJECTIVE,
            profile=str(file),
            capacity_per_second=pinned,
        )
        subject = pipeline.subjects(inputs)[0]
        return run_and_judge(prepare(subject, sound.scenario(), folder, sound.SUITE))

    tally.answer(work)
