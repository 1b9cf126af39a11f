"""Whatever a workload, a trace or a table of sizes holds: requests, or one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fuzz import sound
from fuzz.conftest import Tally
from fuzz.effort import effort
from fuzz.mutations import as_json, spoilt_text
from fuzz.tables import spoilt_table
from hypothesis import given
from hypothesis import strategies as st

from scalecert.workload.override import load_workload

TRACES = {
    "azure.csv": b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
    + b"".join(
        b"2023-11-16 18:15:%02d.%06d0,%d,%d\n" % (i % 60, i * 1013, 40 + i, 5 + i % 7)
        for i in range(60)
    ),
    "burstgpt.csv": b"Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    + b"".join(b"%d,ChatGPT,%d,%d,99,API log\n" % (2 * i, 30 + i, i % 9) for i in range(50)),
    "mooncake.jsonl": b"".join(
        b'{"timestamp": %d, "input_length": %d, "output_length": %d, "hash_ids": [1]}\n'
        % (i * 700, 20 + i, 3 + i % 5)
        for i in range(50)
    ),
}
PAIRS = b"input_tokens,output_tokens\n" + b"".join(b"%d,%d\n" % (i + 8, 4) for i in range(40))
WORKLOADS = (
    {"sizes": "trace", "trace": {"file": "azure.csv", "speed": 2, "start": "1s"},
     "rate": {"shape": "trace", "mean": "3/s", "window": "20s"}},
    {"sizes": "trace", "trace": {"file": "mooncake.jsonl", "duration": "20s"}},
    {"rate": {"shape": "trace", "peak": "0.3 max"}, "trace": {"file": "burstgpt.csv"},
     "sizes": {"input": {"distribution": "empirical", "file": "pairs.csv"},
               "output": {"distribution": "empirical", "file": "pairs.csv"}}},
)  # fmt: skip


def workload(spec: dict) -> dict:
    """Return a workload document."""
    return {
        "apiVersion": "scalecert.dev/v1",
        "kind": "Workload",
        "metadata": {"name": "own"},
        "spec": spec,
    }


def planned(folder: Path, file: Path) -> int:
    """Read a workload, plan the tiny scenario with it, and return the requests."""
    change = load_workload(str(file)).spec
    subject = replace(sound.subject(), workload=change, workload_folder=folder)
    trial = sound.trial(subject, sound.scenario(), folder)
    return len(trial.requests.arrival_seconds)


@effort("workloads")
@given(data=st.sampled_from(WORKLOADS).flatmap(lambda spec: spoilt_text([workload(spec)])))
def test_a_spoilt_workload_is_planned_or_refused(tally: Tally, folder: Path, data: bytes):
    """A workload file with sound files beside it is planned, or refused."""

    def work() -> int:
        for name, text in {**TRACES, "pairs.csv": PAIRS}.items():
            (folder / name).write_bytes(text)
        file = folder / "workload.yaml"
        file.write_bytes(data)
        return planned(folder, file)

    tally.answer(work)


@effort("traces")
@given(
    named=st.sampled_from(sorted(TRACES.items())).flatmap(
        lambda item: st.tuples(st.just(item[0]), spoilt_table(item[1]))
    ),
    pairs=st.one_of(st.just(PAIRS), st.just(PAIRS), st.just(PAIRS), spoilt_table(PAIRS)),
)
def test_a_spoilt_trace_is_replayed_or_refused(
    tally: Tally, folder: Path, named: tuple[str, bytes], pairs: bytes
):
    """A trace by itself, and a table of sizes, are planned with, or refused."""

    def work() -> int:
        name, data = named
        (folder / name).write_bytes(data)
        (folder / "pairs.csv").write_bytes(pairs)
        spec = {**WORKLOADS[2], "trace": {"file": name}}
        file = folder / "workload.json"
        file.write_bytes(as_json([workload(spec)]))
        return planned(folder, folder / name) + planned(folder, file)

    tally.answer(work)
