"""One manifest, K times faster: each field that counts seconds divided, defaults written out.

What nobody wrote counts too: a default of the API server's (a probe's period of 10 s, a behavior's
policies of 15 s) is written into the manifest, divided. An HPA without `behavior` has no periods,
and its window is a flag of the controller.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from scalecert.documents import Document, Plain
from scalecert.errors import UsageError
from scalecert.hpa.defaults import DEFAULT_SCALE_DOWN_RULES, DEFAULT_SCALE_UP_RULES
from scalecert.hpa.types import HPAScalingRules
from scalecert.metrics.scrape_config import DEFAULT_INTERVAL_SECONDS
from scalecert.policy.targets import SLEEP
from scalecert.units import Duration

LEAST_SECONDS: Final = 1
"""Of a probe's period and timeout (k8s.io/kubernetes, SetDefaults_Probe makes 0 the default)."""

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_SCRAPE_TIMEOUT_SECONDS = 10.0
"""Prometheus' global default; a shorter interval takes its place."""

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Faster:
    """A manifest in seconds of the clock, and sentences about what stayed as it was."""

    manifest: Mapping[str, Plain]
    not_scaled: tuple[str, ...]


def faster(document: Document, manifest: Mapping[str, Plain], time_lapse: int) -> Faster:
    """Return one manifest K times faster.

    Args:
        document: what it was read from, for the place of a refusal.
        manifest: it passed the policy's reading, so that its fields are of their types.
        time_lapse: K, 2 or more.

    Raises:
        UsageError: where a division is not whole, or a probe would come more often than every
            second.
    """
    change = _Change(document, time_lapse)
    made: Fields = copy.deepcopy(dict(manifest))
    of_kind = _OF_KIND.get(document.get_text("kind"))
    if of_kind is not None:
        of_kind(change, made)
    return Faster(made, tuple(change.not_scaled))


@dataclass(slots=True)
class _Change:
    """A manifest's change in progress: how its fields are divided, and what could not be."""

    document: Document
    time_lapse: int
    not_scaled: list[str] = field(default_factory=list)

    def divide(
        self, fields: Fields, path: str, name: str, *, default: int = 0, least: int = 0
    ) -> None:
        """Divide a field of whole seconds; where there is none, write the default's.

        Raises:
            UsageError: if that is not whole, or less than `least`.
        """
        seconds = fields.get(name, default)
        if not seconds:
            return
        quotient, rest = divmod(seconds, self.time_lapse)
        if seconds < least * self.time_lapse:
            expected = f"{least * self.time_lapse} or more: the API's least is {least} s"
            raise self._refused(f"{path}.{name}", seconds, expected, written=name in fields)
        if rest:
            expected = f"a multiple of {self.time_lapse}: the API counts whole seconds"
            raise self._refused(f"{path}.{name}", seconds, expected, written=name in fields)
        fields[name] = quotient

    def _refused(self, path: str, seconds: int, expected: str, *, written: bool) -> UsageError:
        found = f"found {seconds}{'' if written else ' by default'}, --time-lapse {self.time_lapse}"
        return self.document.error(f"{found} needs {expected}", field=path)


# -- HorizontalPodAutoscaler ------------------------------------------------------------------


def _hpa(change: _Change, manifest: Fields) -> None:
    behavior = manifest["spec"].get("behavior")
    if behavior is None:
        return
    for direction, defaults in (
        ("scaleUp", DEFAULT_SCALE_UP_RULES),
        ("scaleDown", DEFAULT_SCALE_DOWN_RULES),
    ):
        rules = behavior.setdefault(direction, {})
        path = f"spec.behavior.{direction}"
        change.divide(rules, path, "stabilizationWindowSeconds")
        for index, one in enumerate(rules.setdefault("policies", _policies(defaults))):
            change.divide(one, f"{path}.policies[{index}]", "periodSeconds")


def _policies(rules: HPAScalingRules) -> list[Fields]:
    """Return the policies that the API server fills in."""
    return [
        {"type": str(one.type), "value": one.value, "periodSeconds": one.period_seconds}
        for one in rules.policies or ()
    ]


# -- Deployment, StatefulSet ------------------------------------------------------------------


def _target(change: _Change, manifest: Fields) -> None:
    change.divide(manifest["spec"], "spec", "minReadySeconds")
    spec, path = manifest["spec"]["template"]["spec"], "spec.template.spec"
    change.divide(spec, path, "terminationGracePeriodSeconds", default=30)
    for name in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(name, ())):
            _container(change, container, f"{path}.{name}[{index}]")


def _container(change: _Change, container: Fields, path: str) -> None:
    probes = [name for name in _PROBES if name in container]
    for name in probes:
        container[name] = {key: one for key, one in container[name].items() if one != 0}
        _probe(change, container[name], f"{path}.{name}")
    slow = [name for name in probes if not _hurried(change, container[name], f"{path}.{name}")]
    if slow:
        change.not_scaled.append(_timeouts(slow, container["name"], change.time_lapse))
    pre_stop = container.get("lifecycle", {}).get("preStop")
    if pre_stop is not None:
        _pre_stop(change, pre_stop, f"{path}.lifecycle.preStop")


def _probe(change: _Change, probe: Fields, path: str) -> None:
    """Divide a probe's periods; its zeros, which stand for the defaults, are left out by now."""
    change.divide(probe, path, "periodSeconds", default=10, least=LEAST_SECONDS)
    change.divide(probe, path, "initialDelaySeconds")
    change.divide(probe, path, "terminationGracePeriodSeconds", least=LEAST_SECONDS)


def _hurried(change: _Change, probe: Fields, path: str) -> bool:
    """Divide a probe's timeout, and return whether it could be: it is 1 s of the clock at least."""
    if probe.get("timeoutSeconds", LEAST_SECONDS) >= LEAST_SECONDS * change.time_lapse:
        change.divide(probe, path, "timeoutSeconds")
        return True
    probe["timeoutSeconds"] = LEAST_SECONDS
    return False


def _timeouts(probes: Sequence[str], container: str, time_lapse: int) -> str:
    """Return the sentence about probes whose timeout is longer than it would be."""
    return (
        f"In container {container} {', '.join(probes)} wait {LEAST_SECONDS * time_lapse} s of the"
        f" run for an answer: the API's least timeout is {LEAST_SECONDS} s of the clock."
    )


def _pre_stop(change: _Change, hook: Fields, path: str) -> None:
    if "sleep" in hook:
        change.divide(hook["sleep"], f"{path}.sleep", "seconds")
    elif "exec" in hook:
        command = hook["exec"].get("command", [])
        hook["exec"]["command"] = _shorter_sleep(command, change.time_lapse)


def _shorter_sleep(command: list[str], time_lapse: int) -> list[str]:
    """Return a command whose sleep is K times shorter; `sleep` takes fractions.

    The words are joined as where the policy is read, for `sleep 10` may be one word or two.
    """
    joined = "\0".join(command)
    slept = SLEEP.search(joined.replace("\0", " "))
    if slept is None:
        return command
    start, end = slept.span(1)
    seconds = f"{float(slept[1]) / time_lapse:.6g}"
    return f"{joined[:start]}{seconds}{joined[end:]}".split("\0")


# -- monitors ---------------------------------------------------------------------------------


def _monitor(change: _Change, manifest: Fields) -> None:
    """Divide intervals and timeouts, to the millisecond: Prometheus counts those."""
    kind = change.document.get_text("kind")
    for endpoint in _endpoints(manifest["spec"]):
        timeout = "timeout" if kind.endswith("PodMonitoring") else "scrapeTimeout"
        every = _seconds(endpoint.get("interval")) or DEFAULT_INTERVAL_SECONDS[kind]
        limit = _seconds(endpoint.get(timeout)) or min(_SCRAPE_TIMEOUT_SECONDS, every)
        endpoint["interval"] = _milliseconds(every / change.time_lapse)
        endpoint[timeout] = _milliseconds(limit / change.time_lapse)


def _endpoints(spec: Fields) -> Iterator[Fields]:
    yield from spec.get("endpoints", ())
    yield from spec.get("podMetricsEndpoints", ())


def _seconds(written: str | float | None) -> float:
    return 0.0 if written is None else float(Duration.decode(written))


def _milliseconds(seconds: float) -> str:
    """Return a duration as Prometheus reads it: in whole milliseconds."""
    count = max(1, round(seconds * 1000))
    return f"{count // 1000}s" if count % 1000 == 0 else f"{count}ms"


_OF_KIND: Mapping[str, Callable[[_Change, Fields], None]] = {
    "HorizontalPodAutoscaler": _hpa,
    "Deployment": _target,
    "StatefulSet": _target,
    "PodMonitoring": _monitor,
    "ClusterPodMonitoring": _monitor,
    "PodMonitor": _monitor,
    "ServiceMonitor": _monitor,
}
