"""The metrics APIs of world `local`: an aggregated API server that answers from Prometheus.

    HPA -> kube-apiserver -> server -> service -> adapters (`scalecert.metrics`) -> Prometheus
                                            └───> usage <- the node agent's file

custom.metrics.k8s.io and external.metrics.k8s.io are answered as prometheus-adapter and
custom-metrics-stackdriver-adapter do, by the code that a simulated run has: only what they ask is
a real Prometheus. metrics.k8s.io is answered as by metrics-server.

A world applies `api_services` once, and for each trial writes a `config` and starts
`python -m scalecert.worlds.local.metrics_apis CONFIG.json`, which prints `ready`.
"""
