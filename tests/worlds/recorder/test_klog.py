"""Kubernetes' log text, with lines as kube-controller-manager 1.36 writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds.recorder.perfect_world import klog

from scalecert.worlds.recorder.klog import read_klog

NEAR = datetime(2026, 11, 23, 3, 50, tzinfo=UTC).timestamp()
DECIDED = (
    'I1123 03:49:24.725563   26776 horizontal.go:1008] "Decided not to scale"'
    ' scaleTarget="Deployment/default/vllm" desiredReplicas=2'
    ' lastScaleTime="2026-11-23 03:49:12 +0000 UTC"\n'
)
FAILED = (
    'E1123 03:55:29.361811    3932 horizontal.go:289] "Unhandled Error" err="no metric'
    ' \\"a/b\\": gone" logger="UnhandledError"\n'
)


def read(text, near=NEAR):
    return list(read_klog(text, near_unix=near))


def test_an_entry_has_its_time_file_message_and_values():
    """The header's time is UTC with microseconds; values lose quotes and escapes."""
    one, other = read(DECIDED + FAILED)
    assert one.time_unix == datetime(2026, 11, 23, 3, 49, 24, 725563, tzinfo=UTC).timestamp()
    assert (one.source, one.message) == ("horizontal.go", "Decided not to scale")
    assert one.values == {
        "scaleTarget": "Deployment/default/vllm",
        "desiredReplicas": "2",
        "lastScaleTime": "2026-11-23 03:49:12 +0000 UTC",
    }
    assert other.values["err"] == 'no metric "a/b": gone'


def test_a_value_of_several_lines_is_one():
    """Klog sets such values on lines of their own, behind a tab."""
    text = (
        'I1123 03:49:24.725563   26776 event.go:389] "Event occurred" message=<\n'
        "\tfirst\n\tsecond = x\n >" + ' type="Warning"\n' + DECIDED
    )
    event, decided = read(text)
    assert event.values == {"message": "first\nsecond = x", "type": "Warning"}
    assert decided.message == "Decided not to scale"


def test_what_is_no_structured_entry_is_passed_over():
    """Flags, warnings of other libraries and panics stand in the log, too."""
    flags = 'I1123 03:48:24.922036   26776 flags.go:64] FLAG: --v="2"\n'
    assert [one.message for one in read("nonsense\n" + flags + DECIDED + "goroutine 1\n")] == [
        "Decided not to scale"
    ]
    assert read("") == read("nonsense") == []


def test_a_run_over_new_year_keeps_its_order():
    """No year is written down: it is the one next to the run."""
    near = datetime(2027, 1, 1, 0, 0, 5, tzinfo=UTC).timestamp()
    before, after = read(
        DECIDED.replace("1123 03:49:24", "1231 23:59:59")
        + DECIDED.replace("1123 03:49:24", "0101 00:00:01"),
        near,
    )
    assert datetime.fromtimestamp(before.time_unix, UTC).year == 2026
    assert datetime.fromtimestamp(after.time_unix, UTC).year == 2027


def test_a_leap_day_is_read_in_a_leap_year():
    """The years next to it have no such day."""
    near = datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp()
    (entry,) = read(DECIDED.replace("1123", "0229"), near)
    assert datetime.fromtimestamp(entry.time_unix, UTC).year == 2028


@settings(derandomize=True, max_examples=60)
@given(st.dictionaries(st.from_regex(r"[a-z]\w{0,5}", fullmatch=True), st.text(max_size=20)))
def test_any_text_comes_back(values):
    """Quotes, backslashes and line ends inside of values end none of them."""
    text = klog(NEAR, "event.go", "Event occurred", **values)
    (entry,) = read(text)
    assert entry.values == values
