"""Files between the world and its generators: nothing is lost on the way, nothing is shared."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from load.children import ROOT
from load.offers import client, offer_of

from scalecert.errors import HarnessBug
from scalecert.load import Offer, Service
from scalecert.load.schedule import (
    read_beginning,
    read_rows,
    read_settings,
    write_beginning,
    write_schedule,
)

OFFER = offer_of([0.0, 0.5, 0.5, 2.0, 7.25], inputs=[1, 2, 3, 4, 5], streamed=[1, 0, 1, 0, 1])


def test_settings_come_back_as_they_were(tmp_path):
    """The client with its bytes, the routes' path, the routing."""
    service = Service(client(1), tmp_path / "routes.json", "round-robin", "keep-alive", 5)
    write_schedule(tmp_path, OFFER, service, 1)
    settings = read_settings(tmp_path)
    assert settings.client == service.client
    assert settings.routes == str(service.routes)
    assert (settings.routing, settings.connections) == ("round-robin", "keep-alive")
    assert settings.idle_wall_seconds() is None


@pytest.mark.parametrize("generators", [1, 2, 3, 7])
def test_generators_share_the_requests(tmp_path, generators):
    """Each request is one generator's; together they are the offer, and so is each over time."""
    write_schedule(tmp_path, OFFER, Service(client(1), tmp_path), generators)
    parts = [read_rows(tmp_path, place, generators) for place in range(generators)]
    together = np.concatenate(parts)
    together.sort(order="request")
    assert together["request"].tolist() == list(range(len(OFFER)))
    for name, column in zip(together.dtype.names[1:], OFFER.columns(), strict=True):
        assert together[name].tolist() == column.tolist()
    for part in parts:
        assert (np.diff(part["arrival_seconds"]) >= 0).all()


def test_an_idle_connection_is_closed_sooner_in_a_time_lapse(tmp_path):
    """The servers' own clock runs faster."""
    service = Service(client(1, idle_seconds=5.0), tmp_path, time_lapse=5)
    write_schedule(tmp_path, OFFER, service, 1)
    assert read_settings(tmp_path).idle_wall_seconds() == 1.0


def test_the_beginning_is_there_once_it_was_said(tmp_path):
    """To the last bit: it is a time of the year 2026 with microseconds."""
    assert read_beginning(tmp_path) is None
    write_beginning(tmp_path, 1795404121.123457)
    assert read_beginning(tmp_path) == 1795404121.123457


def test_columns_of_different_lengths_are_no_offer():
    """A request without a size can't be asked."""
    with pytest.raises(HarnessBug, match="different lengths"):
        Offer(OFFER.arrival_seconds[1:], *OFFER.columns()[1:])


def test_the_world_imports_no_locust():
    """It patches sockets where it is imported; gevent belongs to the generators alone, too."""
    script = (
        "import sys, scalecert.load;"
        "print(*{name.partition('.')[0] for name in sys.modules} & {'locust', 'gevent'})"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "harness"), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == ""
