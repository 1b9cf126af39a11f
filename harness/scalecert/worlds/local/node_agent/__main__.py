"""`python -m scalecert.worlds.local.node_agent CONFIG.json`.

Prints `ready` when the nodes that are there from the start are registered. SIGTERM and SIGINT end
it and its pods' processes at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from scalecert.errors import ScaleCertError
from scalecert.worlds.api_server import ApiServer
from scalecert.worlds.local.node_agent.agent import Agent
from scalecert.worlds.local.node_agent.config import AgentConfig, forget_run_start, read_config
from scalecert.worlds.local.node_agent.kube_api import KubeApi
from scalecert.worlds.local.node_agent.log import Log
from scalecert.worlds.local.node_agent.pod_watch import PodEvent, pod_watch
from scalecert.worlds.local.node_agent.processes import Processes

_UNUSABLE_INPUT = 2


def main(words: Sequence[str]) -> NoReturn:
    """Run the agent of a CONFIG; does not return."""
    if len(words) != 1:
        sys.exit("usage: python -m scalecert.worlds.local.node_agent CONFIG.json")
    try:
        asyncio.run(_run(read_config(words[0])))
    except ScaleCertError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_UNUSABLE_INPUT)
    sys.exit(0)


async def _run(config: AgentConfig) -> None:
    directory, log = Path(config.directory), Log()
    directory.mkdir(parents=True, exist_ok=True)
    forget_run_start(directory)
    loop = asyncio.get_running_loop()

    def end(code: int) -> NoReturn:
        """End without waiting for threads, which may wait for the API server."""
        processes.close()
        os._exit(code)

    def lost(what: str) -> NoReturn:
        log.say(what)
        end(1)

    processes = Processes(
        directory, lambda: lost("the process that mock servers are forked from has ended")
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, 0)
    api = ApiServer(Path(config.kubeconfig))
    agent = Agent(config, KubeApi(api), processes, log)
    await agent.nodes.register_warm_nodes()

    def tell(events: list[PodEvent]) -> None:
        loop.call_soon_threadsafe(agent.take, events)

    def stays_away(error: Exception) -> None:
        loop.call_soon_threadsafe(lost, f"the API server stays away: {error}")

    pod_watch(api, tell, stays_away).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await agent.watch_usage()


if __name__ == "__main__":
    main(sys.argv[1:])
