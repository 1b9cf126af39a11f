"""Options by which an engine's mock server says on which node it runs, and as which pod."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from mock_servers.serving.backend import Backend
from mock_servers.serving.services import Service
from scalecert.errors import UsageError


def node_options(engine: str) -> list[click.Parameter]:
    """Return the options; `feed` takes them.

    The defaults of `--pod` are the variables that the downward API is usually read into.
    """

    def pod() -> str:
        namespace = os.environ.get("POD_NAMESPACE", "default")
        return f"{namespace}/{os.environ.get('POD_NAME', engine)}"

    return [
        click.Option(
            ["--node-dir"],
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of the node, where its accelerator exporter finds this server.",
        ),
        click.Option(
            ["--pod"],
            metavar="NAMESPACE/NAME",
            default=pod,
            show_default="$POD_NAMESPACE/$POD_NAME",
            help="The server's pod, in the exporter's labels.",
        ),
        click.Option(
            ["--container"],
            default=engine,
            show_default=True,
            help="Container of the pod that has the accelerators.",
        ),
        click.Option(["--last-container"], help="Of the pod, if it is another one."),
        click.Option(
            ["--accelerators"],
            metavar="PLACE,...",
            help="Its accelerators on the node; the first that nobody has if not given.",
        ),
    ]


def feed(
    backend: Backend,
    *,
    node_dir: Path | None,
    pod: str,
    container: str,
    last_container: str | None,
    accelerators: str | None,
) -> Sequence[Service]:
    """Return the server's end of the feed to the node's exporter, if it is on a node.

    Raises:
        UsageError: for a pod or places that can't be read, or a folder that can't be had.
    """
    if node_dir is None:
        return ()
    from mock_servers.serving.activity import ActivityFeed, Hold
    from scalecert.exporters.device import device_of

    namespace, slash, name = pod.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise UsageError(f"--pod {pod}: expected NAMESPACE/NAME")
    profile, places = backend.given.profile, _places(accelerators)
    hold = Hold(
        namespace=namespace,
        pod=name,
        container=container,
        last_container=last_container or container,
        device=device_of(profile, backend.limits, len(places) or profile.spec.accelerator.count),
        accelerators=places,
    )
    pacer = backend.pacer
    return (ActivityFeed(node_dir, hold, now=pacer.now, activity=pacer.activity),)


def _places(text: str | None) -> tuple[int, ...]:
    words: Sequence[str] = text.split(",") if text else ()
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise UsageError(f"--accelerators {text}: expected places on the node, such as 0,1")
    return tuple(int(word) for word in words)
