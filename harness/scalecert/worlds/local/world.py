"""World `local`: a trial on a real control plane, Prometheus and mock servers as processes.

cluster    etcd, kube-apiserver, kube-scheduler, and the definitions of ours: once per world
stage      controllers, Prometheus, monitors, metrics APIs, node agent: once per trial
play       the policy's manifests, the load, and what is recorded of both
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scalecert.documents import canonical_json, write_atomic
from scalecert.engines.profiles import load_profile
from scalecert.planning.trial import Trial
from scalecert.recording.model import Recording
from scalecert.worlds.base import World
from scalecert.worlds.local.cluster import LocalCluster, open_cluster
from scalecert.worlds.local.directory import WorldDirectory
from scalecert.worlds.local.play import Play
from scalecert.worlds.local.settings import settings_by_hand, settings_of
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


@dataclass(frozen=True)
class WorldByHand:
    """A world for people with kubectl: what they apply is run, and nothing is recorded."""

    cluster: LocalCluster
    time_lapse: int

    @property
    def directory(self) -> WorldDirectory:
        """Where it is."""
        return self.cluster.directory

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.cluster.control_plane.kubeconfig

    @property
    def about(self) -> dict[str, str]:
        """What runs where."""
        plane = self.cluster.control_plane
        return {
            f"Kubernetes {self.cluster.versions['kubernetes']}": plane.api_url,
            f"Prometheus {self.cluster.versions['prometheus']}": plane.prometheus_url,
            "kubectl": str(self.cluster.objects.kubectl),
            "logs": str(self.directory.path / "logs"),
        }


@contextmanager
def open_by_hand(name: str, *, time_lapse: int, profile: str | None) -> Iterator[WorldByHand]:
    """Open a world for people; nothing of it is left at the end.

    Args:
        name: of the world.
        time_lapse: seconds of the world in one of the clock; what is applied is not changed by it.
        profile: name or file of an engine profile, for what it is of.

    Raises:
        UsageError: if it can't run here, the name is taken, or there is no such profile.
        EnvironmentFault: if it does not come up.
    """
    known = load_profile(profile) if profile else None
    with open_cluster(name, purpose="kept open by hand") as cluster:
        path = cluster.directory.path
        file = path / "profile.yaml"
        if known is not None:
            write_atomic(file, canonical_json(known))
        settings = settings_by_hand(time_lapse, known, str(file))
        with staged(cluster, settings, path / "stage", []):
            yield WorldByHand(cluster, time_lapse)


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
