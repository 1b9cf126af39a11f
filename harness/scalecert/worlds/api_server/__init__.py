"""The API server of a world, as the processes of this project speak to it: plain JSON.

connections.py   a kubeconfig -> where it is, and connections that are let in
client.py        one call; a list; a watch that another thread can end
following.py     list -> watch -> watch on ..., in a thread of its own

There is no model of Kubernetes' objects here: who reads one takes what it needs from its JSON.
"""

from scalecert.worlds.api_server.client import ApiObject, ApiServer, ApiUnavailable, Refused
from scalecert.worlds.api_server.following import Change, Collection, Follower

__all__ = [
    "ApiObject",
    "ApiServer",
    "ApiUnavailable",
    "Change",
    "Collection",
    "Follower",
    "Refused",
]
