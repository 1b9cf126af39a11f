"""Whatever a scenario asks for: a verdict, or one line; a year at a billion requests/s is one."""

from __future__ import annotations

from pathlib import Path

from fuzz import sound
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.judging import run_and_judge
from fuzz.mutations import as_yaml, nudged, spoilt_text
from hypothesis import given
from hypothesis import strategies as st

from scalecert.suite import load_case, load_suite, name_of_test_file

SHAPES = (
    {"shape": "constant", "rate": "0.2 max"},
    {"shape": "ramp", "from": "1/s", "to": "6/s", "start": "30s", "duration": "60s"},
    {"shape": "staircase", "levels": [
        {"rate": "1/s", "duration": "40s"}, {"rate": "4/s", "duration": "40s", "ramp": "20s"},
    ]},
    {"shape": "spike", "base": "1/s", "peak": "5/s", "start": "30s", "duration": "30s"},
    {"shape": "sine", "mean": "3/s", "amplitude": "2/s", "period": "60s"},
    {"shape": "burst-and-drain", "base": "1/s", "peak": "5/s", "start": "10s", "duration": "10s",
     "drainDuration": "10s", "cycles": 2},
)  # fmt: skip
SIZES = (
    {"distribution": "fixed", "tokens": 16},
    {"distribution": "uniform", "low": 8, "high": 32},
    {"distribution": "lognormal", "mean": 20, "cv": 1, "max": 100},
    {"distribution": "histogram", "edges": [1, 10, 30], "weights": [1, 2]},
)


def scenarios() -> st.SearchStrategy[dict]:
    """Return a strategy of sound scenarios of every shape and distribution."""
    arrivals = st.sampled_from([{"process": "constant"}, {"process": "gamma", "cv": 2.0}, None])
    parts = st.tuples(st.sampled_from(SHAPES), st.sampled_from(SIZES), arrivals)
    return parts.map(lambda some: _scenario(*some))


def _scenario(shape: dict, size: dict, arrivals: dict | None) -> dict:
    scenario = sound.tiny_scenario()
    workload = scenario["spec"]["workload"]
    workload["rate"], workload["sizes"]["input"] = shape, size
    workload["arrivals"] = arrivals
    return scenario


@effort("scenarios")
@given(data=scenarios().flatmap(lambda scenario: spoilt_text([scenario])))
def test_a_spoilt_scenario_is_run_and_judged_or_refused(tally: Tally, folder: Path, data: bytes):
    """A scenario is planned, run, judged and reported, or refused when it is read or planned."""

    def work() -> object:
        file = folder / "tiny.yaml"
        file.write_bytes(data)
        case = load_case(file)
        return run_and_judge(sound.trial(sound.subject(), case.scenario, folder))

    tally.answer(work)


def with_case(path: Path) -> st.SearchStrategy[tuple[str, bytes, bytes]]:
    """Return a strategy of suites of a shipped scenario, one of the two files spoilt, or both."""
    suite, case = sound.documents(sound.SUITE_FILE), sound.documents(path)
    name = st.just(path.stem)
    return st.one_of(
        st.tuples(name, st.just(as_yaml(suite)), spoilt_text(case)),
        st.tuples(name, st.just(as_yaml(suite)), nudged(case).map(as_yaml)),
        st.tuples(name, nudged(suite).map(as_yaml), nudged(case).map(as_yaml)),
        st.tuples(name, spoilt_text(suite), spoilt_text(case)),
    )


@effort("suites")
@given(files=st.sampled_from(sound.SCENARIOS).flatmap(with_case))
def test_a_spoilt_suite_is_read_or_refused(
    tally: Tally, folder: Path, files: tuple[str, bytes, bytes]
):
    """A folder with any `suite.yaml` and any scenario in it is a suite, or refused."""

    def work() -> object:
        for old in folder.iterdir():
            old.unlink()
        name, suite, data = files
        (folder / "suite.yaml").write_bytes(suite)
        (folder / f"{name}.yaml").write_bytes(data)
        (folder / name_of_test_file(name)).write_text("")
        return load_suite(folder)

    tally.answer(work)
