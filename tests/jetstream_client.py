"""A JetStream client as grpcio-tools makes one, from the messages as this project knows them."""

from __future__ import annotations

import importlib
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Event
from types import ModuleType

LIMIT_SECONDS = 60.0
PROTO = Path(__file__).parent / "mock_servers" / "jetstream" / "orchestrator.proto"


@cache
def generated() -> tuple[ModuleType, ModuleType]:
    """Return the modules of messages and of the stub; both are in memory alone.

    Their file is registered in protobuf's one pool of this process, so they are made once.
    """
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        common = resources.files("grpc_tools") / "_proto"
        code = protoc.main(
            [
                "protoc",
                f"-I{PROTO.parent}",
                f"-I{common}",
                f"--python_out={folder}",
                f"--grpc_python_out={folder}",
                PROTO.name,
            ]
        )
        assert code == 0
        sys.path.insert(0, folder)
        try:
            messages = importlib.import_module(f"{PROTO.stem}_pb2")
            stubs = importlib.import_module(f"{PROTO.stem}_pb2_grpc")
        finally:
            sys.path.remove(folder)
    return messages, stubs


def refuses(place: str) -> bool:
    """Tell whether nobody listens on a port, `host:port`; not yet while it is being closed."""
    host, _, port = place.partition(":")
    try:
        socket.create_connection((host, int(port)), LIMIT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was still open when we knocked
        return False
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until
        Event().wait(0.02)
