"""Policies: what the user's manifests say, where the rest comes from, and static findings.

First stage of the flow: `load_policies` reads, `resolve` joins each policy with an engine, its
limits, an engine profile and the objective, `lint` judges what needs no run.
"""

from __future__ import annotations
