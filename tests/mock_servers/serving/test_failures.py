"""Which requests fail: a share of any number in a row, evenly spread, always the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mock_servers.serving.failures import Failures


@settings(max_examples=100, derandomize=True)
@given(
    share=st.floats(0.0, 1.0),
    skipped=st.integers(0, 300),
    looked_at=st.integers(1, 300),
)
def test_any_stretch_has_its_share(share: float, skipped: int, looked_at: int) -> None:
    """Of n requests in a row, n times the share fail, to within one."""
    failures = Failures()
    failures.set_share(share)
    for _ in range(skipped):
        failures.next_fails()
    failed = sum(failures.next_fails() for _ in range(looked_at))
    assert abs(failed - looked_at * share) < 1.0 + 1e-9


def test_none_and_all() -> None:
    """The ends of the range are exact."""
    failures = Failures()
    assert not any(failures.next_fails() for _ in range(1000))
    failures.set_share(1.0)
    assert all(failures.next_fails() for _ in range(1000))


def test_the_sequence_is_known() -> None:
    """A test that switches it on knows which of its requests will fail."""
    failures = Failures()
    for _ in range(2):
        failures.set_share(0.4)
        assert [failures.next_fails() for _ in range(5)] == [False, False, True, False, True]
