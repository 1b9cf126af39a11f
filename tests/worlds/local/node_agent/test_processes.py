"""Processes out of the fork server: real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from worlds.local.node_agent.fakes import LIMIT_SECONDS, eventually

from scalecert.worlds.local.node_agent.processes import (
    Process,
    Processes,
    exit_code_of_container,
    import_paths,
)

MOCK = ("mock", "vllm", "--profile", "vllm_llama-2-7b_l4", "--port", "0", "--startup-delay", "60s")


def play(directory: Path, play: Callable[[Processes], Awaitable[None]]) -> None:
    async def run() -> None:
        processes = Processes(directory, lambda: pytest.fail("the fork server has ended"))
        try:
            await play(processes)
        finally:
            processes.close()

    asyncio.run(run())


async def start(
    processes: Processes, directory: Path, *words: str, hears: Callable[[str], None] | None = None
) -> Process:
    env = {"PATH": os.environ["PATH"]}
    log = directory / "log"
    return await processes.start(words, env, log=log, hears=hears or (lambda _: None))


def is_there(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_process_is_the_command_line_of_scalecert(tmp_path: Path):
    """Its lines are heard and kept, stderr too, and so is its exit code."""

    async def life(processes: Processes) -> None:
        heard: list[str] = []
        one = await start(processes, tmp_path, "--version", hears=heard.append)
        assert await one.ended == 0
        await eventually(lambda: heard)
        assert heard[0].startswith("scalecert, version")
        other = await start(processes, tmp_path, "mock", "nobody")
        assert await other.ended == 2
        log = (tmp_path / "log").read_text()
        assert heard[0] in log
        assert "nobody" in log

    play(tmp_path, life)


def test_a_mock_server_serves_until_it_is_told_to_end(tmp_path: Path):
    """It is told by a signal, as any process is; afterwards signals reach nobody."""

    async def life(processes: Processes) -> None:
        heard: list[str] = []
        one = await start(processes, tmp_path, *MOCK, hears=heard.append)
        await eventually(lambda: any(line.startswith("API: http://") for line in heard))
        assert is_there(one.pid)
        one.send(signal.SIGTERM)
        assert await one.ended == 0
        one.send(signal.SIGKILL)
        other = await start(processes, tmp_path, *MOCK)
        other.send(signal.SIGKILL)
        assert await other.ended == -signal.SIGKILL

    play(tmp_path, life)


def test_the_environment_is_what_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of the agent's own variables nothing is left that a server would read."""
    monkeypatch.setenv("MAX_BATCH_SIZE", "3")

    async def life(processes: Processes) -> None:
        heard: list[str] = []
        words = ["mock", "tgi", "--profile", "tgi_llama-2-7b_l4", "--port", "0"]
        env, log = {"MAX_CONCURRENT_REQUESTS": "7"}, tmp_path / "log"
        one = await processes.start(words, env, log=log, hears=heard.append)
        await eventually(lambda: len(heard) > 1)
        assert "max_concurrent_requests 7," in heard[1]
        assert "max_batch_size 3," not in heard[1]
        one.send(signal.SIGKILL)
        await one.ended

    play(tmp_path, life)


def test_processes_end_with_the_fork_server(tmp_path: Path):
    """The kernel kills them."""

    async def life(processes: Processes) -> None:
        one = await start(processes, tmp_path, *MOCK)
        assert is_there(one.pid)
        processes.close()
        await eventually(lambda: not is_there(one.pid))
        processes.close()

    play(tmp_path, life)


_AGENT = """
import asyncio, pathlib, sys
from scalecert.worlds.local.node_agent.processes import Processes
async def main():
    folder = pathlib.Path(sys.argv[1])
    processes = Processes(folder, lambda: None)
    words = sys.argv[2:]
    one = await processes.start(words, {}, log=folder / "log", hears=lambda _: None)
    print(one.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_processes_end_with_an_agent_that_is_killed(tmp_path: Path):
    """It can do nothing about that itself."""
    agent = subprocess.Popen(
        [sys.executable, "-c", _AGENT, str(tmp_path), *MOCK],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(import_paths())},
    )
    with agent:
        assert agent.stdout is not None
        pid = int(agent.stdout.readline())
        assert is_there(pid)
        agent.kill()
        agent.wait(LIMIT_SECONDS)
        asyncio.run(eventually(lambda: not is_there(pid)))


@pytest.mark.parametrize(("code", "told"), [(0, 0), (3, 3), (-9, 137), (-15, 143)])
def test_signals_are_told_as_containers_tell_them(code: int, told: int):
    """128 and the signal's number."""
    assert exit_code_of_container(code) == told
