"""World `local`: a trial on a real control plane, Prometheus and mock servers as processes.

cluster    etcd, kube-apiserver, kube-scheduler, and the definitions of ours: once per world
stage      controllers, Prometheus, monitors, metrics APIs, node agent: once per trial
play       the policy's manifests, the load, and what is recorded of both
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scalecert.documents import canonical_json, write_atomic
from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording
from scalecert.worlds.base import World
from scalecert.worlds.local.cluster import LocalCluster, open_cluster
from scalecert.worlds.local.play import Play
from scalecert.worlds.local.settings import settings_of
from scalecert.worlds.local.stage import staged
from scalecert.worlds.local.time_lapse import lapsed


@dataclass(frozen=True)
class LocalWorld:
    """The world of real processes; one trial at a time."""

    cluster: LocalCluster
    time_lapse: int
    name: str = "local"

    def run(self, trial: Trial) -> Recording:
        """Run a trial on the clock, and let every accepted request finish.

        Raises:
            UsageError: if the API server refuses a manifest.
            EnvironmentFault: if something of the world breaks.
        """
        spec, path = trial.plan.scenario.spec, self.cluster.directory.path
        faster = lapsed(trial.policy, spec.cluster, trial.timing, self.time_lapse)
        profile = path / "profile.yaml"  # JSON is YAML
        write_atomic(profile, canonical_json(trial.resolved.profile))
        settings = settings_of(trial, faster, self.time_lapse, str(profile))
        with staged(self.cluster, settings, path / "trial", faster.manifests) as stage:
            return Play(trial, faster, stage).run()


@contextmanager
def open_local_world(instance: str, *, time_lapse: int) -> Iterator[World]:
    """Open the world for any number of trials; nothing of it is left at the end.

    Args:
        instance: its name on this machine.
        time_lapse: seconds of a run in one of the clock.

    Raises:
        UsageError: if it can't run here, or the name is taken.
        EnvironmentFault: if it does not come up.
    """
    with open_cluster(instance, purpose="runs of a suite") as cluster:
        yield LocalWorld(cluster, time_lapse)
