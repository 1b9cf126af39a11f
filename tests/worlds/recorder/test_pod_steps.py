"""Steps of pods, from the clock to the run."""

from __future__ import annotations

from scalecert.worlds.recorder.logs import PodLine
from scalecert.worlds.recorder.pod_steps import Fleet, ends_seconds, pod_steps
from scalecert.worlds.recorder.run_clock import RunClock

CLOCK = RunClock(t0_unix=1000.0, time_lapse=5)


def line(time, ordinal, what):
    return PodLine(time, f"p-{ordinal}", ordinal, what)


def told(*lines):
    return [(step.seconds, step.ordinal, step.what) for step in pod_steps(lines, CLOCK)]


def test_what_was_before_the_run_is_at_its_first_moment_pod_by_pod():
    """A run begins with pods that have long been ready."""
    lines = [
        line(900.0, 0, "created"),
        line(901.0, 1, "created"),
        line(902.0, 1, "ready"),
        line(903.0, 0, "ready"),
        line(1002.0, 0, "terminating"),
    ]
    assert told(*lines) == [
        (0.0, 0, "created"),
        (0.0, 0, "ready"),
        (0.0, 1, "created"),
        (0.0, 1, "ready"),
        (10.0, 0, "terminating"),
    ]


def test_pods_that_were_gone_before_it_never_were():
    """They are of another run."""
    assert told(line(900.0, 0, "created"), line(999.0, 0, "gone"), line(998.0, 1, "created")) == [
        (0.0, 1, "created")
    ]


def test_a_pod_serves_while_it_is_ready_and_not_terminating():
    """A probe that fails takes it out of service, and may bring it back."""
    fleet, serving = Fleet(), []
    whats = ("created", "bound", "started", "listening", "ready", "unready", "ready", "terminating")
    for index, what in enumerate(whats):
        (step,) = pod_steps([line(1000.0 + index, 0, what)], CLOCK)
        fleet.apply(step)
        serving.append(fleet.serving())
    assert serving == [0, 0, 0, 0, 1, 0, 1, 0]
    (pod,) = fleet.pods
    assert (pod.bound, pod.started, pod.deleted) == (5.0, 10.0, 35.0)


def test_the_end_of_a_terminating_pods_processes_is_no_news():
    """That it is gone comes next; before, a container that exits has crashed."""
    fleet, told = Fleet(), []
    for index, what in enumerate(("created", "exited", "terminating", "exited", "unready", "gone")):
        (step,) = pod_steps([line(1000.0 + index, 0, what)], CLOCK)
        told.append(fleet.apply(step))
    assert told == [True, True, True, False, False, True]


def test_gone_pods_are_gone():
    """Steps of a pod that nobody saw come change nothing."""
    fleet = Fleet()
    steps = pod_steps([line(1000.0, 0, "created"), line(1002.0, 0, "gone")], CLOCK)
    for step in steps:
        fleet.apply(step)
    fleet.apply(pod_steps([line(1003.0, 7, "ready")], CLOCK)[0])
    assert fleet.pods == []
    assert ends_seconds(steps) == {0: [10.0]}
