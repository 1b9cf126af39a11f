"""The feed from a node's mock servers to its accelerator exporter."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mock_servers.serving import activity
from mock_servers.serving.activity import ActivityFeed, Hold, look_around
from scalecert.engines.base import Activity
from scalecert.engines.catalog import load_accelerator
from scalecert.errors import UsageError
from scalecert.exporters.device import bare_device

DONE = Activity(1.5, 30, 400, 5000, 60)
HOLD = Hold("prod", "llama-0", "server", "server", bare_device(load_accelerator("l4"), 1), (1,))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder whose path is short enough for a socket."""
    with TemporaryDirectory() as path:
        yield Path(path)


def feed(folder: Path, hold: Hold = HOLD) -> ActivityFeed:
    """Return a server's end of the feed."""
    return ActivityFeed(folder, hold, now=lambda: 12.25, activity=lambda: DONE)


def test_a_server_says_who_it_is_and_what_it_has_done(folder: Path) -> None:
    """What arrives is what the server holds, its clock and its activity, whoever asks and often."""

    async def ask() -> None:
        server = feed(folder)
        await server.start()
        await server.model_loaded()
        for _ in range(3):
            (look,) = (await look_around(folder)).values()
            assert look is not None
            assert (look.hold, look.at_seconds, look.activity) == (HOLD, 12.25, DONE)
        await server.stop()

    asyncio.run(ask())


def test_a_server_that_loads_its_model_has_nothing_on_its_accelerators(folder: Path) -> None:
    """Until the model is loaded the server holds its accelerators, and says no activity."""

    async def ask() -> None:
        server = feed(folder)
        await server.start()
        (look,) = (await look_around(folder)).values()
        assert look is not None
        assert look.hold == HOLD
        assert look.activity is None
        await server.stop()

    asyncio.run(ask())


def test_the_socket_is_this_users_alone_and_goes_with_the_server(folder: Path) -> None:
    """Nobody else may ask; and a server that ends leaves nothing behind."""

    async def run() -> None:
        server = feed(folder)
        await server.start()
        (path,) = folder.iterdir()
        assert str(path) == server.address
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        server.stop_accepting()
        assert await look_around(folder), "a server that works off its requests still answers"
        await server.stop()
        assert not list(folder.iterdir())

    asyncio.run(run())


def test_a_killed_servers_socket_is_removed(folder: Path) -> None:
    """A socket that nobody listens on is a server that was killed."""
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(folder / "dead.sock"))
    dead.close()
    assert asyncio.run(look_around(folder)) == {}
    assert not list(folder.iterdir())


def test_a_server_that_hangs_is_there_and_says_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It still holds its accelerators: nobody may take it for gone."""
    monkeypatch.setattr(activity, "ANSWER_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(folder / "hung.sock"))
        hung.listen()
        assert asyncio.run(look_around(folder)) == {"hung.sock": None}


def test_nonsense_on_a_socket_is_no_answer(folder: Path) -> None:
    """Whatever else listens in the folder does no harm."""

    async def ask() -> None:
        async def babble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello\n")
            writer.close()

        async with await asyncio.start_unix_server(babble, str(folder / "other.sock")):
            assert await look_around(folder) == {"other.sock": None}

    asyncio.run(ask())


def test_servers_take_the_first_accelerators_that_nobody_has(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if they start all at once, one hangs and one was killed; and the exporters see it."""

    async def run() -> None:
        with socket.socket(socket.AF_UNIX) as hung, socket.socket(socket.AF_UNIX) as killed:
            hung.bind(str(folder / "1-2.hung.sock"))
            hung.listen()
            killed.bind(str(folder / "0.killed.sock"))
            killed.close()
            servers = [feed(folder, two) for _ in range(3)]
            await asyncio.gather(*(server.start() for server in servers))
            looks = await look_around(folder)
            held = [look.hold.accelerators for look in looks.values() if look is not None]
            assert sorted(held) == [(0, 3), (4, 5), (6, 7)]
            assert looks.pop("1-2.hung.sock") is None
            assert {name.partition(".")[0] for name in looks} == {"0-3", "4-5", "6-7"}
            await servers[0].stop()
            again = feed(folder, two)
            await again.start()
            places = Path(again.address).name.partition(".")[0]
            assert places in {"0-3", "4-5", "6-7"}, "what one leaves the next one gets"
            for server in (*servers, again):
                await server.stop()

    monkeypatch.setattr(activity, "ANSWER_SECONDS", 0.05)
    two = replace(HOLD, device=replace(HOLD.device, count=2), accelerators=())
    asyncio.run(run())


def test_a_folder_whose_path_is_too_long_is_the_users_error(folder: Path) -> None:
    """Linux takes 107 bytes of a socket's path, and says nothing helpful beyond."""
    with pytest.raises(UsageError, match=r"--node-dir .*: found a path of \d+ bytes, expected"):
        feed(folder / ("x" * 100))


def test_a_folder_that_cannot_be_had_is_the_users_error(folder: Path) -> None:
    """A file in its place, say."""
    (folder / "file").touch()
    with pytest.raises(UsageError, match=r"--node-dir .*/file"):
        feed(folder / "file")
