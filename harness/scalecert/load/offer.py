"""What is offered, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scalecert.engines.api_client import ApiClient
from scalecert.errors import HarnessBug
from scalecert.load.generator_options import MASTER_PORT
from scalecert.scenario.model import Connections, Routing


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """The requests of a run, n of them in order of arrival.

    Attributes:
        arrival_seconds: f8[n], sorted, wall seconds: those of the run divided by the time lapse.
        input_tokens: i4[n], of the prompts.
        output_tokens: i4[n], of the answers.
        streamed: bool[n], which answers are read token by token.
        draws: f8[n] in [0, 1), of random routing (`routing.routing_draws`).
    """

    arrival_seconds: npt.NDArray[np.float64]
    input_tokens: npt.NDArray[np.int32]
    output_tokens: npt.NDArray[np.int32]
    streamed: npt.NDArray[np.bool_]
    draws: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse columns that don't belong together.

        Raises:
            HarnessBug: if they are of different lengths.
        """
        if len({len(column) for column in self.columns()}) != 1:
            raise HarnessBug("an offer's columns are of different lengths")

    def columns(self) -> tuple[npt.NDArray[np.generic], ...]:
        """Return the columns, in the order of the attributes."""
        return (
            self.arrival_seconds,
            self.input_tokens,
            self.output_tokens,
            self.streamed,
            self.draws,
        )

    def __len__(self) -> int:
        return len(self.arrival_seconds)


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes on other machines that share a load: `python -m scalecert.load worker HOST PORT`.

    Attributes:
        count: how many there will be.
        host: the address on this machine that they connect to.
        port: the port there; Locust's own by default.
    """

    count: int
    host: str = "127.0.0.1"
    port: int = MASTER_PORT


@dataclass(frozen=True, slots=True)
class Service:
    """The servers that requests go to.

    Attributes:
        client: how they are asked.
        routes: file that names the pods which are ready, oldest first (`load.routes`).
        routing: which of them a connection goes to.
        connections: whether requests share them.
        time_lapse: how many seconds of the servers' own clock pass in one of the wall's.
    """

    client: ApiClient
    routes: Path
    routing: Routing = "random"
    connections: Connections = "per-request"
    time_lapse: int = 1

    @property
    def is_stateful(self) -> bool:
        """Whether where a request goes depends on those before it, all of which one must see."""
        return self.routing == "least-outstanding" or self.connections == "keep-alive"
