"""The supervisor: the process that all others of a world descend from, and that ends with them.

    harness ── client.py ──pipes──► guard.py ──fork──► server.py ──► etcd, agents, servers, ...

It outlives no harness: its end of the pipe closes however the harness ends, and then it ends every
descendant and removes the world's directory. Two processes of it watch each other, so that one of
them cleans up if the other is killed. Everything but `client.py` runs in them: the standard library
alone, so that they are up at once.
"""

from __future__ import annotations
