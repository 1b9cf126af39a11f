"""Definitions of monitors: names, versions and scopes are those of the real ones."""

from __future__ import annotations

import json

from scalecert.policy.monitors import MONITOR_KINDS
from scalecert.worlds.local.monitors.crds import manifests
from scalecert.worlds.local.monitors.process import MONITOR_PATHS


def test_every_kind_of_monitor_is_defined_where_it_is_watched() -> None:
    """A kind that a policy may bring and nobody defines could not be applied."""
    paths = {}
    for one in json.loads(json.dumps(manifests())):
        spec = one["spec"]
        (version,) = spec["versions"]
        assert one["metadata"]["name"] == f"{spec['names']['plural']}.{spec['group']}"
        assert version["subresources"] == {"status": {}}
        kind = spec["names"]["kind"]
        paths[kind] = f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}"
    assert paths == MONITOR_PATHS
    assert set(paths) == set(MONITOR_KINDS)
