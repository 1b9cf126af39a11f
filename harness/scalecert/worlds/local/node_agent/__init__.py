"""The node agent of world `local`: nodes and their pods, with mock servers for containers.

It plays cluster autoscaler and the kubelets of all nodes, against a real API server and scheduler.
"""

from __future__ import annotations
