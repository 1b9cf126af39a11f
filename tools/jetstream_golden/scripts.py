"""What is asked of a server: requests, when they come and which of them are given up.

Nothing here depends on how long a step takes: requests come and go when another one has got so
many messages.
"""

from __future__ import annotations

from dataclasses import dataclass

SLOTS = 4
"""Decode slots of every server that is compared."""
PROMPT = (5, 6, 7)
"""Token ids of every prompt, whose answers have no end token among the first 200."""
LATEST_SLOT = SLOTS - 1
PLATEAU = (10, 20)
"""Messages of the first request between which the gauges of a burst are compared: by the first all
that can be prefilled is, by the last nobody has ended."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request has got so many messages that a generate step made."""

    request: int
    messages: int


@dataclass(frozen=True, slots=True)
class Sent:
    """One request.

    Attributes:
        tokens: of its answer.
        at: when it is sent; None is at once.
        given_up: when its client cancels it, if it does.
    """

    tokens: int
    at: Moment | None = None
    given_up: Moment | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """A few requests to an idle server, in the order in which they are sent."""

    name: str
    requests: tuple[Sent, ...]


def burst(size: int) -> Script:
    """Return as many requests at once."""
    return Script(f"{size} at once", (Sent(PLATEAU[1] + 4),) * size)


LENGTHS = Script("lengths", tuple(Sent(tokens) for tokens in (1, 2, 5, 17)))
BURSTS = tuple(burst(SLOTS + more) for more in (0, 2, 4, 8))
BESIDE = Script("one beside one", (Sent(20), Sent(5, at=Moment(0, 4))))
STAGGERED = Script("three beside one", (Sent(20), *(Sent(8, at=Moment(0, 4)) for _ in range(3))))
REFILL = Script(
    "a slot again", (*(Sent(40),) * LATEST_SLOT, Sent(12), Sent(5, at=Moment(LATEST_SLOT, 1)))
)
GIVEN_UP = Script(
    "given up",
    (
        *(Sent(20, given_up=Moment(LATEST_SLOT, 4)) for _ in range(2)),
        *(Sent(20) for _ in range(2, SLOTS)),
        Sent(5),
        Sent(5, given_up=Moment(LATEST_SLOT, 4)),
    ),
)
"""Two of those that decode, and one that is parked."""

SCRIPTS = (LENGTHS, *BURSTS, BESIDE, STAGGERED, REFILL, GIVEN_UP)
