"""The node agent of world `local`: nodes and their pods, with mock servers for containers.

It plays cluster autoscaler and the kubelets of all nodes, against a real API server and scheduler.
How it hangs together, from the API server down:

    kube_api, pod_watch     calls and the watch of all pods, in threads
    agent                   what the watch tells -> nodes for pods, a runner for each bound pod
    node_keeper             nodes when they are due        nodes, node_object, exporters: pure
    pod_runner              one pod's life                 pod_status: pure
    container_runner        one container's processes      container_state, back_off: pure
    pod_probes, prober      one pod's probes               probe_worker: pure; checks ask
    servers, pod_objects    which container is which mock server, and its command line: pure
    processes, fork_server  processes that are forked, not started
    records, usage          what the rest of the world reads

Everything but the calls runs in one event loop. docs/local-world-pods.md says what is as in a
kubelet and what is not; `timings` which time is divided where.
"""

from __future__ import annotations
