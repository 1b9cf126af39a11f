"""The operator: what the API holds -> prometheus.yml and the discovered targets.

It acts when something has changed, and writes and reloads only what differs then. A monitor that
can't be read, or that Prometheus refuses, is left out and said in one line, as an operator does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from scalecert.documents import write_atomic
from scalecert.lines import one_line
from scalecert.metrics.scrape_config import default_scrape_config
from scalecert.worlds.local.monitors.config import MonitorsConfig
from scalecert.worlds.local.monitors.discovery import Pod, discovered
from scalecert.worlds.local.monitors.prometheus import ConfigRefused
from scalecert.worlds.local.monitors.prometheus_config import (
    Canary,
    Job,
    ScrapedEndpoint,
    canary_job,
    configuration,
    default_jobs,
    monitor_job,
    system_job,
)
from scalecert.worlds.local.monitors.reading import read_monitors
from scalecert.worlds.local.monitors.target_rules import Endpoint

_log = logging.getLogger(__name__)


class Reloads(Protocol):
    """What takes a configuration: Prometheus."""

    def reload(self) -> None:
        """Take the configuration anew.

        Raises:
            ConfigRefused: if it can't be used.
        """


class Operator:
    """Keeps Prometheus' configuration and targets as the API's objects say.

    Args:
        config: of the process.
        prometheus: which reads the configuration.
    """

    def __init__(self, config: MonitorsConfig, prometheus: Reloads) -> None:
        self._config = config
        self._prometheus = prometheus
        self._monitored: tuple[Mapping[str, Sequence[bytes]], Sequence[bytes]] | None = None
        self._discovered: bytes | None = None
        self._said: set[str] = set()

    def discover(self, pods: Iterable[bytes]) -> None:
        """Hand Prometheus the targets that the pods may be, if they are others than before."""
        found = discovered(msgspec.json.decode(raw, type=Pod) for raw in pods)
        if found != self._discovered:
            write_atomic(self._config.discovered, found)
            self._discovered = found

    def configure(self, monitors: Mapping[str, Sequence[bytes]], services: Sequence[bytes]) -> None:
        """Have Prometheus scrape what the monitors say, if they or Services have changed.

        Args:
            monitors: objects by kind.
            services: all that there are.

        Raises:
            EnvironmentFault: if Prometheus does not answer.
            ConfigRefused: if it refuses a configuration without any monitor.
        """
        if (monitors, services) == self._monitored:
            return
        read = read_monitors(monitors, services)
        for problem in read.problems:
            self._say(problem)
        if read.endpoints or read.problems:
            self._apply_monitors(read.endpoints)
        else:
            self._apply([*self._default(), *self._own(())])
        self._monitored = (monitors, services)

    def _apply_monitors(self, endpoints: Sequence[ScrapedEndpoint]) -> None:
        """Apply all, or where Prometheus refuses that, every endpoint that it takes."""
        try:
            self._apply(self._jobs(endpoints))
        except ConfigRefused:
            taken: list[ScrapedEndpoint] = []
            for one in endpoints:
                try:
                    self._apply(self._jobs([*taken, one]))
                except ConfigRefused as refusal:
                    self._say(f"{one.monitor}: Prometheus refuses it: {refusal}")
                else:
                    taken.append(one)
            self._apply(self._jobs(taken))

    def _apply(self, jobs: Sequence[Job]) -> None:
        write_atomic(self._config.prometheus_config, configuration(jobs))
        self._prometheus.reload()

    def _jobs(self, endpoints: Sequence[ScrapedEndpoint]) -> list[Job]:
        targets = str(self._config.discovered)
        jobs = [monitor_job(one, targets) for one in endpoints]
        return [*jobs, *self._own(endpoints)]

    def _default(self) -> Iterable[Job]:
        wanted = self._config.default_scrape
        server = Endpoint(wanted.container, wanted.port, wanted.port_name)
        return default_jobs(
            default_scrape_config(wanted.interval_seconds),
            server if wanted.container else None,
            wanted.path,
            str(self._config.discovered),
        )

    def _own(self, endpoints: Sequence[ScrapedEndpoint]) -> Iterable[Job]:
        """Return the jobs that no monitor makes."""
        config = self._config
        system = config.system_scrape
        if system is not None:
            targets = str(config.discovered)
            yield system_job(system.interval_seconds, system.container, system.port, targets)
        address = f"{config.address}:{config.port}"
        canary = Canary(address, config.namespace, config.canary_interval_seconds)
        yield canary_job(canary, [one.config for one in endpoints])

    def _say(self, problem: str) -> None:
        if problem not in self._said:
            self._said.add(problem)
            _log.warning("%s", one_line(problem))
