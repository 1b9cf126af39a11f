"""Whose the accelerators of a node are, by what its servers say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mock_servers.serving.activity import Look
from scalecert.exporters.base import Chip, Holder, Readings
from scalecert.exporters.device import Device, Moment

NOBODY = Holder("", "", "", "", {})


@dataclass(frozen=True, slots=True)
class Occupant:
    """A server that holds accelerators of a node.

    Attributes:
        key: its socket's name.
        look: what it said last.
    """

    key: str
    look: Look

    @property
    def places(self) -> tuple[int, ...]:
        """Its accelerators' places on the node."""
        return self.look.hold.accelerators

    @property
    def holder(self) -> Holder:
        """The container that holds them."""
        hold = self.look.hold
        return Holder(hold.namespace, hold.pod, hold.container, hold.last_container, {})


class Node:
    """A node and its accelerators.

    Args:
        name: of the node.
        device: its accelerators, with nothing on them.
    """

    def __init__(self, name: str, device: Device) -> None:
        self.name = name
        self.device = device
        self.occupants: tuple[Occupant, ...] = ()

    def settle(self, looks: Mapping[str, Look | None]) -> None:
        """Take what the node's servers say now.

        A server that says nothing keeps what it had; one that has no socket any more is gone.
        Servers on other makes of accelerators are left out: a node has one.
        """
        known = {occupant.key: occupant.look for occupant in self.occupants}
        said = {key: look or known.get(key) for key, look in looks.items()}
        self.occupants = tuple(
            Occupant(key, look)
            for key, look in said.items()
            if look is not None and look.hold.device.make == self.device.make
        )

    def places(self) -> list[int]:
        """Return the places of all accelerators, held or not."""
        held = {place for occupant in self.occupants for place in occupant.places}
        return sorted(held.union(range(self.device.count)))

    def chip(self, place: int, holder: Holder = NOBODY) -> Chip:
        """Return an accelerator; the slice's topology is the node's, as its label says."""
        device = self.device
        return Chip(self.name, place, device.make, device.model, device.topology, holder)

    def holders(self) -> dict[int, Holder]:
        """Return who holds each accelerator that somebody holds."""
        return {place: occupant.holder for occupant in self.occupants for place in occupant.places}

    def idle(self) -> Readings:
        """Return what an accelerator shows that nobody holds."""
        reading = self.device.reading(None, None, 1.0)
        return Readings(reading, reading)


class Looks:
    """The looks of one exporter at the servers of its node."""

    def __init__(self) -> None:
        self._opening: dict[str, Moment] = {}
        self._last: dict[str, Moment] = {}

    def open(self, node: Node) -> None:
        """Look at the start of the exporter's short window."""
        self._opening = _moments(node)

    def close(self, node: Node) -> list[tuple[Occupant, Readings]]:
        """Look at its end; return what the accelerators of each server show."""
        now = _moments(node)
        shown = [
            (
                occupant,
                occupant.look.hold.device.readings(
                    self._opening.get(occupant.key, (0.0, None)),
                    self._last.get(occupant.key),
                    now[occupant.key],
                ),
            )
            for occupant in node.occupants
        ]
        self._last = now
        return shown


def _moments(node: Node) -> dict[str, Moment]:
    return {one.key: (one.look.at_seconds, one.look.activity) for one in node.occupants}
