"""The world's addresses: who has which of 127.x.y.0/24. Pure."""

from __future__ import annotations

from collections import deque

CONTROL_PLANE = 1
FIRST_EXPORTER, LAST_EXPORTER = 2, 9
FIRST_POD, LAST_POD = 10, 254


class AddressPool:
    """Addresses for pods: the one that nobody has had for longest is next.

    Args:
        subnet: its first three parts.
    """

    def __init__(self, subnet: str) -> None:
        self._free = deque(f"{subnet}.{last}" for last in range(FIRST_POD, LAST_POD + 1))

    def take(self) -> str | None:
        """Return an address that nobody has; None if there is none."""
        return self._free.popleft() if self._free else None

    def give_back(self, address: str) -> None:
        """Take an address back."""
        self._free.append(address)


def node_address(subnet: str, index: int) -> str:
    """Return the address of a node and its exporters; those beyond the eighth share the last."""
    return f"{subnet}.{min(FIRST_EXPORTER + index, LAST_EXPORTER)}"
