"""The command line: `scalecert`, one door of two (the other is the pytest plugin).

Commands live in modules of their own and are imported when they run, so that `--help` answers at
once. stdout is the result, stderr the progress and the diagnosis. Exit codes: 0 certified, 1 not
certified, 2 unusable input, 3 inconclusive, 130 interrupted, 141 nobody reads the output.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from scalecert import __version__
from scalecert.cli.lazy import LazyGroup
from scalecert.errors import EnvironmentFault, UsageError
from scalecert.lines import one_line

UNUSABLE_INPUT = 2
INCONCLUSIVE = 3
INTERRUPTED = 130
BROKEN_PIPE = 141


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="scalecert")
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an internal error.")
@click.pass_context
def scalecert(context: click.Context, verbose: bool) -> None:
    """Certify autoscaling policies for LLM inference on Kubernetes.

    scalecert certify policy.yaml --objective ttft_p95=2s,tpot_p95=100ms

    Exit codes: 0 certified, 1 not certified, 2 unusable input, 3 inconclusive, 130 interrupted.
    """
    del verbose  # `run` looks for it
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line and exit (the console script)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; whatever goes wrong is one line on stderr.

    Without click's own `main`, which ends with exit code 1 when nobody reads the output: here that
    means a policy that is not certified.
    """
    try:
        with scalecert.make_context("scalecert", list(arguments)) as context:
            result = scalecert.invoke(context)
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except click.ClickException as error:
        return _say(error.format_message(), UNUSABLE_INPUT)
    except UsageError as error:
        return _say(str(error), UNUSABLE_INPUT)
    except PermissionError as error:
        found = f"{error.filename}: permission denied, expected what this user can read and write"
        return _say(found, UNUSABLE_INPUT)
    except EnvironmentFault as error:
        return _say(str(error), INCONCLUSIVE)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback unasked
        return _internal_error(error, verbose="-v" in arguments or "--verbose" in arguments)
    return result if isinstance(result, int) else 0


def _say(text: str, code: int) -> int:
    click.echo(f"scalecert: {one_line(text)}", err=True)
    return code


def _internal_error(error: Exception, *, verbose: bool) -> int:
    if verbose:
        import traceback

        traceback.print_exception(error)
    hint = "" if verbose else " (scalecert -v ... shows where)"
    return _say(f"internal error: {type(error).__name__}: {error}{hint}", INCONCLUSIVE)


def _close_stdout() -> None:
    """Keep Python from complaining at exit that nobody reads its output (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
