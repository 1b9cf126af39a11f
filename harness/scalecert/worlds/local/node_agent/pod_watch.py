"""The pods of the API server, as the agent follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from scalecert.worlds.api_server import ApiServer, Change, Collection, Follower
from scalecert.worlds.local.node_agent.pod_objects import PodObject

PODS = Collection("/api/v1/pods")
_POD = msgspec.json.Decoder(PodObject)


@dataclass(frozen=True, slots=True)
class PodEvent:
    """A change of a pod, its `kind` as in `Change`."""

    kind: str
    pod: PodObject


def pod_watch(
    api: ApiServer, tell: Callable[[list[PodEvent]], None], lost: Callable[[Exception], None]
) -> Follower:
    """Return what tells every change of every pod, in order, once it is started.

    Args:
        api: the API server.
        tell: is called in the watch's thread, with the pods of a list all at once.
        lost: is called with the reason if the API server stays away.
    """

    def changed(changes: Sequence[Change]) -> None:
        tell([PodEvent(one.kind, _POD.decode(one.object.raw)) for one in changes])

    return Follower(api, PODS, changed, lost=lost)
