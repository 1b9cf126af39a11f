"""The world's addresses: who has which of 127.x.y.0/24. Pure."""

from __future__ import annotations

from collections import deque

FIRST_NODE = 2
"""127.x.y.1 is the control plane's."""
FIRST_POD, LAST_POD = 10, 254


class AddressPool:
    """Addresses for nodes and pods.

    Pods get the address that nobody has had for longest. The first nodes have addresses of their
    own, further ones such as pods have; no node gives its address back.

    Args:
        subnet: its first three parts.
    """

    def __init__(self, subnet: str) -> None:
        self._free = deque(f"{subnet}.{last}" for last in range(FIRST_POD, LAST_POD + 1))
        self._for_nodes = deque(f"{subnet}.{last}" for last in range(FIRST_NODE, FIRST_POD))

    def take(self) -> str | None:
        """Return an address for a pod; None if there is none."""
        return self._free.popleft() if self._free else None

    def take_for_node(self) -> str | None:
        """Return an address for a node; None if there is none."""
        return self._for_nodes.popleft() if self._for_nodes else self.take()

    def give_back(self, address: str) -> None:
        """Take the address of a pod back."""
        self._free.append(address)
