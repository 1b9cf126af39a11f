"""Scenarios: a workload, the cluster's conditions, how long, and what is judged."""

from __future__ import annotations
