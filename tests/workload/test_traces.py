"""Recorded requests."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scalecert.errors import UsageError
from scalecert.units import Duration
from scalecert.workload import files
from scalecert.workload.model import Trace, TraceRate
from scalecert.workload.rate import busiest_per_second, mean_per_second, resolve
from scalecert.workload.traces import read_trace

MODEST = settings(max_examples=100, derandomize=True, deadline=None)

AZURE_2023 = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,4808,10
2023-11-16 18:17:05.4799600,3180,8
2023-11-16 18:18:03.9799600,110,27"""
AZURE_2024 = """TIMESTAMP,ContextTokens,GeneratedTokens
2024-05-10 00:00:00.009930+00:00,2162,5
2024-05-10 02:00:01.509930+02:00,2399,6
2024-05-10T00:01:00.009930Z,76,15"""
BURSTGPT = """Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Log Type
5,,1.5,ChatGPT,472,18,Conversation log
6.5,,1,"GPT-4",1087,230,API log
65,,0,ChatGPT,417,276,Conversation log
66,,0,ChatGPT,417,0,Conversation log"""
MOONCAKE = "\n".join(
    json.dumps({"timestamp": at, "input_length": n, "output_length": m, "hash_ids": [1, 2]})
    for at, n, m in [(27_000, 6758, 500), (28_500, 7322, 490), (87_000, 7236, 794)]
)


def read(tmp_path, text, **fields):
    path = tmp_path / "trace.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(Trace(path.name, **fields), path)


@pytest.mark.parametrize(
    ("text", "format_", "first", "passed_over"),
    [
        (AZURE_2023, "azure", (4808, 10), 0),
        (AZURE_2024, "azure", (2162, 5), 0),
        (BURSTGPT, "burstgpt", (472, 18), 1),
        (MOONCAKE, "mooncake", (6758, 500), 0),
    ],
)
def test_formats(tmp_path, text, format_, first, passed_over):
    """Each format is detected and read, from its first request on, gzipped or not."""
    rows = read(tmp_path, text)
    assert rows.arrival_seconds.tolist() == pytest.approx([0, 1.5, 60])
    for same in (
        read(tmp_path, text, format=format_),
        read(tmp_path, gzip.compress(text.encode())),
    ):
        assert same.arrival_seconds.tolist() == rows.arrival_seconds.tolist()
    assert (rows.input_tokens[0], rows.output_tokens[0]) == first
    assert rows.input_tokens.dtype == rows.output_tokens.dtype == np.int32
    assert rows.span_seconds == pytest.approx(60)
    assert rows.without_tokens == passed_over


def test_piece_and_speed(tmp_path):
    """Start and duration cut in the trace's own time; speed then shortens what is left."""
    lines = [f"{second},7,8" for second in range(100, 200, 10)]
    text = "\n".join(["Timestamp,Request tokens,Response tokens", *lines])
    rows = read(tmp_path, text, start=Duration(25), duration=Duration(40), speed=2.0)
    assert rows.arrival_seconds.tolist() == [2.5, 7.5, 12.5, 17.5]
    assert rows.span_seconds == 20
    open_end = read(tmp_path, text, start=Duration(25))
    assert open_end.arrival_seconds.tolist() == [5, 15, 25, 35, 45, 55, 65]
    assert open_end.span_seconds == 65


def test_reading_stops_at_the_end_of_the_piece(tmp_path):
    """What lies behind the piece is not read, so that a piece of a huge trace is cheap."""
    text = AZURE_2023 + "\nnot a row at all"
    assert len(read(tmp_path, text, duration=Duration(30)).arrival_seconds) == 2
    with pytest.raises(UsageError, match=r"trace\.txt:5"):
        read(tmp_path, text)


def _changed(line, **cells):
    first = {"t": "2023-11-16 18:17:03", "i": "1", "o": "1"}
    rows = [first, first | cells]
    body = "\n".join(f"{row['t']},{row['i']},{row['o']}" for row in rows)
    return f"TIMESTAMP,ContextTokens,GeneratedTokens\n{body}", line


def _mooncake(row):
    return f'{{"timestamp": 1, "input_length": 1, "output_length": 1}}\n{row}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"trace.txt: found an empty file"),
        ("\n \n", r"trace.txt: found an empty file"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\n", r"trace.txt: found no requests"),
        (_changed(3, t="2023-11-16 18:17:02")[0], r":3: found a request 1 s before the one above"),
        (_changed(3, t="yesterday")[0], r":3: TIMESTAMP: found 'yesterday', expected a timestamp"),
        (_changed(3, t="nan")[0], r":3: TIMESTAMP: found 'nan'"),
        (_changed(3, i="-5")[0], r":3: ContextTokens: found -5, expected 0 to"),
        (_changed(3, o="-1")[0], r":3: GeneratedTokens: found -1, expected 0 to"),
        (_changed(3, o="1.5")[0], r":3: GeneratedTokens: found '1.5', expected a whole number"),
        (_changed(3, o="")[0], r":3: GeneratedTokens: found ''"),
        (_changed(3, o="9" * 5000)[0], r":3: GeneratedTokens: found '9"),
        (_changed(3, o="999999999")[0], r":3: GeneratedTokens: found 999999999, expected 0 to"),
        (_changed(3)[0], r"found 2 rows that span no time"),
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16,5",
            r":2: found 2 cells, expected at",
        ),
        ("TIMESTAMP,ContextToken,GeneratedTokens\n", r":1: found the columns .*did you mean Conte"),
        ("a,b,c\n1,2,3", r":1: found the columns 'a,b,c', expected TIMESTAMP,ContextTokens"),
        ("Timestamp,Request tokens,Response tokens\ninf,1,1", r":2: Timestamp: found 'inf'"),
        (_mooncake('{"timestamp": 2'), r":2: found .* expected a JSON object with timestamp, in"),
        (_mooncake('{"timestamp": "x"}'), r":2: found .*Expected `float`"),
        (
            _mooncake('{"timestamp": 2, "input_length": -1, "output_length": 1}'),
            r":2: input_length",
        ),
        (_mooncake('{"a":' + "[" * 90_000), r":2: found .* expected a JSON object"),
        (b"TIMESTAMP,ContextTokens,GeneratedTokens\n\xff\xfe", r":2: found byte 0xff"),
    ],
)
def test_refused(tmp_path, text, message):
    """What is no trace is refused in one line, with the file, the line and the column."""
    with pytest.raises(UsageError, match=message) as refusal:
        read(tmp_path, text)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 1000


def test_named_format_with_other_columns(tmp_path):
    """A stated format is held to, and the message says what it needs."""
    with pytest.raises(
        UsageError, match=r":1: .*expected Timestamp,Request tokens,Response tokens"
    ):
        read(tmp_path, AZURE_2023, format="burstgpt")
    with pytest.raises(UsageError, match=r":1: .*expected a JSON object"):
        read(tmp_path, AZURE_2023, format="mooncake")


def test_empty_piece(tmp_path):
    """A piece without requests is refused, and one past the end too, but an empty end is kept."""
    with pytest.raises(UsageError, match="found no requests"):
        read(tmp_path, AZURE_2023, start=Duration(3600))
    assert read(tmp_path, AZURE_2023, duration=Duration(90)).span_seconds == 90


def test_rows_are_capped(tmp_path, monkeypatch):
    """More rows than one run holds are refused while reading, with the way out."""
    monkeypatch.setattr(files, "MAX_ROWS", 2)
    with pytest.raises(UsageError, match=r":4: found more than 2 rows \(cut a piece out"):
        read(tmp_path, AZURE_2023)
    assert len(read(tmp_path, AZURE_2023, duration=Duration(30)).arrival_seconds) == 2


_HEADERS = [text.encode().split(b"\n")[0] + b"\n" for text in (AZURE_2023, BURSTGPT, MOONCAKE)]


@settings(MODEST, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([b"", b"\x1f\x8b", *_HEADERS]),
    st.binary(max_size=200)
    | st.text(alphabet='0123456789-:T.,"{} \n', max_size=200).map(str.encode),
    st.booleans(),
)
def test_any_bytes(tmp_path, head, tail, zipped):
    """Whatever a file holds, it is a trace or a UsageError of one line."""
    data = gzip.compress(head + tail) if zipped else head + tail
    try:
        rows = read(tmp_path, data)
    except UsageError as error:
        message = str(error)
    else:
        message = ""
        assert len(rows.arrival_seconds) > 0
        assert (np.diff(rows.arrival_seconds) >= 0).all()
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "count", "per_second", "cv", "sizes"),
    [
        ("azure2023_conv.csv.gz", 19_366, 5.53, 1.09, (1155, 211)),
        ("azure2023_code.csv.gz", 8_819, 2.57, 13.2, (2048, 28)),
        ("mooncake_conversation.jsonl.gz", 12_031, 3.40, 3.0, (12_035, 343)),
    ],
)
def test_public_traces(public_traces, name, count, per_second, cv, sizes):
    """The public traces have the counts, rates and sizes that others measured on them."""
    rows = read_trace(Trace(name), public_traces / name)
    gaps = np.diff(rows.arrival_seconds)
    assert len(rows.arrival_seconds) == count
    assert mean_per_second(rows) == pytest.approx(per_second, abs=0.005)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, abs=0.05)
    means = (rows.input_tokens.mean(), rows.output_tokens.mean())
    assert means == pytest.approx(sizes, abs=0.6)


@pytest.mark.parametrize(
    ("name", "peak_per_second", "minute_peak_to_mean"),
    [("azure2023_conv.csv.gz", 9.07, 1.52), ("azure2023_code.csv.gz", 30.0, 4.2)],
)
def test_peaks_of_public_traces(public_traces, name, peak_per_second, minute_peak_to_mean):
    """So have their curves: the peak in 15 s, and of whole minutes over the mean.

    The latter within 3 %, as it depends on where the first minute begins.
    """
    rows = read_trace(Trace(name), public_traces / name)
    curve = resolve(TraceRate(), 1, 1, rows)
    assert curve.peak(3600) == pytest.approx(peak_per_second, abs=0.005)
    minutes = np.diff(curve.cumulative(np.arange(0, rows.span_seconds, 60))) / 60
    assert minutes.max() / mean_per_second(rows) == pytest.approx(minute_peak_to_mean, rel=0.03)
    assert busiest_per_second(rows, 60) >= minutes.max()


@pytest.mark.parametrize(("last", "speed"), [(1e9, 1.0), (1e17, 1.0), (100.0, 1e-6)])
def test_a_trace_of_decades_is_refused(tmp_path, last: float, speed: float):
    """One wrong timestamp would make millions of empty bins."""
    path = tmp_path / "trace.csv"
    path.write_text(f"Timestamp,Request tokens,Response tokens\n0,5,5\n{last},5,5\n")
    with pytest.raises(UsageError, match=r"days to replay, expected 150 or less"):
        read_trace(Trace(file="trace.csv", speed=speed), path)
