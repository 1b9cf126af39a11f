"""Names, subnets and ports: had by one world at a time, and by nobody when it is gone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from scalecert.errors import EnvironmentFault
from scalecert.worlds.local import leases
from scalecert.worlds.local.leases import NameLock, Ports, Subnet, is_locked


def test_a_name_is_held_once(tmp_path: Path):
    """Until its holder lets go."""
    file = tmp_path / "mine.lock"
    assert not is_locked(file)
    held = NameLock(file)
    assert is_locked(file)
    with pytest.raises(BlockingIOError):
        NameLock(file)
    held.close()
    assert not is_locked(file)
    NameLock(file).close()


def test_a_name_is_held_by_whoever_has_the_descriptor(tmp_path: Path):
    """So that it passes from the harness to the supervisor without a gap."""
    file = tmp_path / "mine.lock"
    held = NameLock(file)
    inherited = os.dup(held.descriptor)
    held.close()
    assert is_locked(file)
    os.close(inherited)
    assert not is_locked(file)


def test_the_lock_of_a_file_that_was_removed_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its last holder removed it while we waited to open it: the next one has another file."""
    file = tmp_path / "mine.lock"
    looked = leases.fcntl.flock
    times = []

    def removed_first(descriptor: int, how: int) -> None:
        if not times:
            file.unlink()
        times.append(how)
        looked(descriptor, how)

    monkeypatch.setattr(leases.fcntl, "flock", removed_first)
    held = NameLock(file)
    try:
        assert len(times) == 2
        assert is_locked(file)
    finally:
        held.close()


def test_two_subnets_differ():
    """Of one process, too; a /24 of 127.64.0.0/10 that can be listened on."""
    one, other = Subnet(), Subnet()
    try:
        assert one.prefix != other.prefix
        for subnet in (one, other):
            first, second, _ = map(int, subnet.prefix.split("."))
            assert (first, second >> 6) == (127, 1)
            socket.create_server((f"{subnet.prefix}.254", 0)).close()
    finally:
        one.close()
        other.close()


def test_a_subnet_in_which_somebody_listens_is_left_alone():
    """Such as a server that a killed world left behind."""
    free = Subnet()
    free.close()
    with socket.create_server((f"{free.prefix}.77", 0)):
        other = Subnet()
        other.close()
    again = Subnet()
    again.close()
    assert other.prefix != free.prefix == again.prefix


def test_a_machine_without_such_addresses(monkeypatch: pytest.MonkeyPatch):
    """It is said."""
    monkeypatch.setattr(leases, "_binds", lambda address, port: False)
    with pytest.raises(EnvironmentFault, match=r"127\.64\.0\.0/10"):
        Subnet()


def test_every_process_has_all_subnets_to_choose_from():
    """It only begins elsewhere."""
    orders = [list(leases._from(process)) for process in (1, 2)]
    assert orders[0][0] != orders[1][0]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(set(orders[0]))


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_addresses_are_read_in_the_machine_s_byte_order(
    byte_order: str, monkeypatch: pytest.MonkeyPatch
):
    """As /proc/net/tcp has them; connections are no listeners."""
    hexadecimal = {"little": "0103407F", "big": "7F400301"}[byte_order]
    table = f"""\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: {hexadecimal}:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: {hexadecimal[::-1]}:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000
"""
    monkeypatch.setattr(sys, "byteorder", byte_order)
    monkeypatch.setattr(Path, "read_text", lambda path: table)
    assert list(leases._listening_subnets()) == ["127.64.3"]


def test_ports_are_given_once():
    """Those that somebody listens on are not given at all."""
    first = Ports("127.0.0.1").free()
    with socket.create_server(("127.0.0.1", first)):
        ports = Ports("127.0.0.1")
        given = [ports.free() for _ in range(3)]
    assert first not in given
    assert len(set(given)) == 3


def test_no_port_is_free():
    """It is said of which address."""
    with pytest.raises(EnvironmentFault, match=r"192\.0\.2\.1"):
        Ports("192.0.2.1").free()
