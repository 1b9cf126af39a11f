"""A mock of the accelerator exporters of one node: dcgm-exporter, GKE's device plugins.

    servers of the node ──look──► node.Node ──► dcgm.DcgmPage   :9400/metrics
      (serving.activity)                    └─► plugins.*Page   :2112/metrics

What an accelerator shows is computed by `scalecert.exporters`; here is when each exporter looks,
what it keeps, and how it writes; each of the two modules names its sources.
"""
