"""Pods as the records write them (FORMAT: `n`, `ph`, `st`, `rd`, `lt`, `c`, ...)."""

from __future__ import annotations

import msgspec

from scalecert.hpa.pods import ZERO_TIME_MS, Container, Pod, PodSpec, ReadyCondition

PHASES = {
    "P": "Pending", "R": "Running", "F": "Failed", "S": "Succeeded", "U": "Unknown",
}  # fmt: skip
READINESS = {"T": "True", "F": "False", "U": "Unknown"}


class RecordedContainer(msgspec.Struct, frozen=True):
    """A container: name, requests, restart policy."""

    n: str
    r: dict[str, int] | None = None
    rp: str | None = None

    def container(self) -> Container:
        """Return it as the calculator takes it."""
        return Container(self.n, self.r or {}, self.rp)


class RecordedPodSpec(msgspec.Struct, frozen=True):
    """Containers, init containers, pod-level requests, overhead."""

    c: tuple[RecordedContainer, ...] = ()
    ic: tuple[RecordedContainer, ...] = ()
    pl: dict[str, int] | None = None
    ov: dict[str, int] | None = None

    def pod_spec(self) -> PodSpec:
        """Return it as the calculator takes it."""
        return PodSpec(
            tuple(one.container() for one in self.c),
            tuple(one.container() for one in self.ic),
            self.pl or {},
            self.ov or {},
        )


class RecordedPod(RecordedPodSpec, frozen=True, kw_only=True):
    """A pod of the calculator records; `other` ones are not selected."""

    n: str
    ph: str
    st: int | None = None
    rd: str = ""
    lt: int | None = None
    deleted: bool = msgspec.field(default=False, name="del")
    other: bool = False

    def pod(self) -> Pod:
        """Return it as the calculator takes it."""
        return Pod(
            name=self.n,
            phase=PHASES[self.ph],
            start_time_ms=self.st,
            ready=ready_condition(self.rd, self.lt),
            deleted=self.deleted,
            spec=self.pod_spec(),
        )


def ready_condition(code: str | None, transition_ms: int | None) -> ReadyCondition | None:
    """Return the Ready condition; no code: there is none, no time: the zero time."""
    if not code:
        return None
    return ReadyCondition(READINESS[code], ZERO_TIME_MS if transition_ms is None else transition_ms)
