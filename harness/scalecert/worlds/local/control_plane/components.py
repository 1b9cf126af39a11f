"""Command lines of the control plane's processes, and why each flag is there.

Pure: paths, ports and settings in, words out. What is not set has the component's own default, so
that the control plane is the one that a cluster of this version has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scalecert.worlds.local.control_plane.certificates import KeyPair, Pki

CONTROLLERS: Final = (
    "deployment-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "statefulset-controller",
    "horizontal-pod-autoscaler-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
)
"""What scales, what is scaled, and what clears up after them.

No endpoints: an address of a pod here is of loopback, which Endpoints and EndpointSlices refuse. No
node lifecycle: the nodes are processes of ours, and a node that is late is no node that is lost.
"""

REQUESTS_PER_SECOND: Final = 200
"""Client-side limit of the controllers; Kubernetes' own (20) would delay what a burst needs."""

SERVICE_RANGE: Final = "10.96.0.0/24"
"""Cluster IPs: only ever written down, nothing routes them."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the processes of a control plane listen: one loopback address, leased ports."""

    address: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int

    @property
    def api_url(self) -> str:
        """The API server's URL."""
        return f"https://{self.address}:{self.api_port}"

    @property
    def etcd_url(self) -> str:
        """The URL of etcd for its client."""
        return f"https://{self.address}:{self.etcd_port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerFlags:
    """What a scenario or a time lapse sets of the HPA controller; seconds of the clock.

    Defaults are those of kube-controller-manager 1.36.
    """

    sync_period_seconds: float = 15.0
    downscale_stabilization_seconds: float = 300.0
    tolerance: float = 0.1
    cpu_initialization_period_seconds: float = 300.0
    initial_readiness_delay_seconds: float = 30.0


def etcd(binary: Path, data: Path, endpoints: Endpoints, pki: Pki) -> list[str]:
    """Return the command of an etcd of one member, which only kube-apiserver may speak to.

    Nothing in it outlives the world, so it does not wait for the disk. Elections are fast because
    one member wins each; they are the longest part of its start otherwise.
    """
    peer_url = f"https://{endpoints.address}:{endpoints.etcd_peer_port}"
    return [
        str(binary),
        "--name=scalecert",
        f"--data-dir={data}",
        f"--listen-client-urls={endpoints.etcd_url}",
        f"--advertise-client-urls={endpoints.etcd_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=scalecert={peer_url}",
        *_etcd_certificates("", pki),
        *_etcd_certificates("peer-", pki),
        "--unsafe-no-fsync",
        "--heartbeat-interval=50",
        "--election-timeout=500",
        "--log-level=warn",
    ]


def _etcd_certificates(prefix: str, pki: Pki) -> list[str]:
    return [
        f"--{prefix}cert-file={pki.etcd.certificate}",
        f"--{prefix}key-file={pki.etcd.key}",
        f"--{prefix}trusted-ca-file={pki.etcd_ca}",
        f"--{prefix}client-cert-auth",
    ]


def kube_apiserver(binary: Path, endpoints: Endpoints, pki: Pki) -> list[str]:
    """Return kube-apiserver's command.

    - Whoever has a certificate of the CA may do everything, nobody else anything: each of them is
      ours. RBAC would make that of a hundred roles and bindings, written at every start.
    - No ServiceAccount admission: no controller makes the tokens that pods would wait for.
    - No endpoint reconciler: the address is of loopback, which Endpoints refuse.
    - No priority and fairness: a handful of clients needs no queues, and those delay readiness.
    """
    return [
        str(binary),
        f"--bind-address={endpoints.address}",
        f"--advertise-address={endpoints.address}",
        f"--secure-port={endpoints.api_port}",
        *_flags("tls-cert-file", "tls-private-key-file", pki.api_server),
        f"--client-ca-file={pki.ca}",
        "--anonymous-auth=false",
        "--authorization-mode=AlwaysAllow",
        f"--etcd-servers={endpoints.etcd_url}",
        f"--etcd-cafile={pki.etcd_ca}",
        *_flags("etcd-certfile", "etcd-keyfile", pki.etcd_client),
        f"--requestheader-client-ca-file={pki.front_proxy_ca}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-uid-headers=X-Remote-Uid",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        *_flags("proxy-client-cert-file", "proxy-client-key-file", pki.front_proxy),
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.service_account_key}",
        f"--service-account-signing-key-file={pki.service_account_key}",
        "--disable-admission-plugins=ServiceAccount",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--endpoint-reconciler-type=none",
        "--enable-priority-and-fairness=false",
        "--allow-privileged=true",
        "--profiling=false",
    ]


def kube_scheduler(binary: Path, kubeconfig: Path) -> list[str]:
    """Return kube-scheduler's command: the only one there is, on no port."""
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        f"--kube-api-qps={REQUESTS_PER_SECOND}",
        f"--kube-api-burst={2 * REQUESTS_PER_SECOND}",
        "--vmodule=server=3",  # tells when it begins to schedule
    ]


def kube_controller_manager(binary: Path, kubeconfig: Path, flags: ControllerFlags) -> list[str]:
    """Return kube-controller-manager's command for one trial.

    `--vmodule` makes it log what each sync of an HPA proposes, metric by metric, and its Events in
    full: those in the API are few and counted.
    """
    hpa = "--horizontal-pod-autoscaler"
    return [
        str(binary),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--kube-api-qps={REQUESTS_PER_SECOND}",
        f"--kube-api-burst={2 * REQUESTS_PER_SECOND}",
        f"{hpa}-sync-period={_duration(flags.sync_period_seconds)}",
        f"{hpa}-downscale-stabilization={_duration(flags.downscale_stabilization_seconds)}",
        f"{hpa}-tolerance={flags.tolerance!r}",
        f"{hpa}-cpu-initialization-period={_duration(flags.cpu_initialization_period_seconds)}",
        f"{hpa}-initial-readiness-delay={_duration(flags.initial_readiness_delay_seconds)}",
        "--v=2",
        "--vmodule=horizontal=4,event=3",
    ]


def prometheus(
    binary: Path, config: Path, data: Path, address: str, port: int, *, lookback_seconds: float
) -> list[str]:
    """Return Prometheus's command, in words that 2.42 (Debian's) and 3.x both know."""
    return [
        str(binary),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={address}:{port}",
        "--web.enable-lifecycle",
        f"--query.lookback-delta={_duration(lookback_seconds)}",
    ]


def _flags(certificate: str, key: str, pair: KeyPair) -> list[str]:
    return [f"--{certificate}={pair.certificate}", f"--{key}={pair.key}"]


def _duration(seconds: float) -> str:
    """Return a duration as Go and Prometheus read it; they know no fraction of a millisecond."""
    return f"{round(seconds * 1000)}ms"
