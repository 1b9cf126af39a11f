"""`scalecert mock accelerator`."""

from __future__ import annotations

from pathlib import Path

import click

from mock_servers.serving.options import DURATION, PORT, SPEED
from scalecert.engines.catalog import load_accelerator
from scalecert.errors import UsageError

_EXPORTERS = ("dcgm", "plugin")


@click.command("accelerator", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--accelerator", required=True, help="Kind of the node's accelerators, e.g. l4.")
@click.option(
    "--count",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Accelerators of the node.",
)
@click.option(
    "--node-dir",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the node: that of its servers' --node-dir.",
)
@click.option(
    "--node", envvar="NODE_NAME", default="node", show_default=True, help="Name of the node."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="To listen on.")
@click.option(
    "--port",
    type=PORT,
    default=9400,
    show_default=True,
    help="Of dcgm-exporter; 0 takes a free one.",
)
@click.option(
    "--plugin-port",
    type=PORT,
    default=2112,
    show_default=True,
    help="Of the device plugin; 0 takes a free one.",
)
@click.option("--only", type=click.Choice(_EXPORTERS), help="Serve one of them alone.")
@click.option(
    "--dcgm-version",
    type=click.Choice(["main", "4.8"]),
    default="main",
    show_default=True,
    help="Releases up to 4.8 have the label Hostname, main has hostname.",
)
@click.option(
    "-c",
    "--collect-interval",
    type=click.IntRange(1),
    envvar="DCGM_EXPORTER_INTERVAL",
    help="Milliseconds between dcgm-exporter's collections.  [default: 30000]",
)
@click.option(
    "--plugin-interval",
    type=DURATION,
    help="Between the device plugin's collections; its own default if not given.",
)
@click.option(
    "--speed",
    type=SPEED,
    default=1.0,
    show_default=True,
    help="That of the node's servers: all windows and intervals are so many times shorter.",
)
def command(
    *,
    accelerator: str,
    count: int,
    node_dir: Path,
    node: str,
    host: str,
    port: int,
    plugin_port: int,
    only: str | None,
    dcgm_version: str,
    collect_interval: int | None,
    plugin_interval: float | None,
    speed: float,
) -> None:
    """Serve mocks of one node's accelerator exporters.

    dcgm-exporter and GKE's GPU device plugin, or the TPU device plugin, over what the mock servers
    of that node do.
    """
    from mock_servers.accelerator.node import Node
    from mock_servers.accelerator.process import Given, run
    from scalecert.exporters.device import bare_device

    kind = load_accelerator(accelerator)
    if only == "dcgm" and kind.kind == "tpu":
        raise UsageError(
            f"--only dcgm: found the TPU {kind.name}, expected a GPU",
            hint="a TPU's exporter is its device plugin",
        )
    run(
        Given(
            node=Node(node, bare_device(kind, count)),
            folder=node_dir,
            host=host,
            dcgm_port=None if only == "plugin" or kind.kind == "tpu" else port,
            plugin_port=None if only == "dcgm" else plugin_port,
            dcgm_version="4.8" if dcgm_version == "4.8" else "main",
            dcgm_interval_seconds=None if collect_interval is None else collect_interval / 1000,
            plugin_interval_seconds=plugin_interval or None,
            speed=speed,
        )
    )
