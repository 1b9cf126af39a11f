"""Compare estimated profiles with figures that others have published of real servers.

    python tools/public_figures.py

The figures with their sources are in fixtures/golden/public-figures.yaml. Prints a table of
Markdown, which tools/fidelity_doc.py writes into docs/fidelity.md. No figure was used to fit
anything.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "harness"))

from scalecert.engines.base import Limits  # noqa: E402
from scalecert.engines.catalog import load_accelerator, load_model  # noqa: E402
from scalecert.engines.profiles import DataType, EngineProfile  # noqa: E402
from scalecert.engines.registry import engine_kind  # noqa: E402
from scalecert.engines.request_log import RequestLog, Status  # noqa: E402
from scalecert.rng import stream  # noqa: E402
from scalecert.workload.model import Fixed, Lognormal, Sizes  # noqa: E402
from scalecert.workload.sizes import sampler  # noqa: E402

FIGURES = ROOT / "fixtures" / "golden" / "public-figures.yaml"


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured; `words` are of its command line."""

    engine: str
    model: str
    accelerator: str
    count: int = 1
    dtype: DataType = "bfloat16"
    words: tuple[str, ...] = ()

    @property
    def profile(self) -> EngineProfile:
        """The estimated profile; quantized weights have keys and values in int8, too."""
        shape = load_model(self.model)
        if self.dtype == "int8":
            shape = msgspec.structs.replace(shape, dtype="int8", bytes_per_kv=1.0)
        accelerator = load_accelerator(self.accelerator)
        return engine_kind(self.engine).estimate(shape, accelerator, count=self.count)


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Requests that are offered at once; see the file."""

    requests: int
    input: float
    output: float
    cv: float = 0.0
    longest: int = 0

    def tokens(self) -> tuple[list[int], list[int]]:
        """Return input and output tokens of all requests."""
        sides = (self.input, self.output)
        if self.cv:
            sizes = Sizes(*(Lognormal(mean, self.cv, self.longest) for mean in sides))
        else:
            sizes = Sizes(*(Fixed(int(mean)) for mean in sides))
        inputs, outputs = sampler(sizes, stream(1, "public figures"))(self.requests)
        return inputs.tolist(), outputs.tolist()


Shows = Literal[
    "output tokens per second",
    "seconds until all are answered",
    "tokens that the KV cache holds",
    "milliseconds of one prefill",
]


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published figure."""

    name: str
    source: str
    date: str
    assumed: str
    server: Server
    shows: Shows
    published: float
    load: Load | None = None


def figures() -> list[Figure]:
    """Return all published figures, in the file's order."""
    document = yaml.load(FIGURES.read_text(), yaml.BaseLoader)  # noqa: S506 - plain strings
    return msgspec.convert(document["figures"], list[Figure], strict=False)


def modelled(figure: Figure) -> float:
    """Return what the model says in place of a figure."""
    return _MODELLED[figure.shows](figure)


def _kv_tokens(figure: Figure) -> float:
    return float(_limits(figure.server).values["kv_tokens"])


def _prefill_milliseconds(figure: Figure) -> float:
    """Return the time of one step on all prompts at once, which nothing decodes beside."""
    inputs, _ = _load(figure).tokens()
    pairs = sum(tokens * tokens / 2 for tokens in inputs)
    costs = figure.server.profile.spec.costs
    return 1e3 * costs.mixed_seconds(sum(inputs), pairs, len(inputs), 0, 0)


def _tokens_per_second(figure: Figure) -> float:
    seconds, tokens = _served(figure)
    return tokens / seconds


def _seconds(figure: Figure) -> float:
    return _served(figure)[0]


_MODELLED: Mapping[Shows, Callable[[Figure], float]] = {
    "output tokens per second": _tokens_per_second,
    "seconds until all are answered": _seconds,
    "tokens that the KV cache holds": _kv_tokens,
    "milliseconds of one prefill": _prefill_milliseconds,
}


def _load(figure: Figure) -> Load:
    if figure.load is None:
        raise SystemExit(f"{FIGURES}: {figure.name} has no load")
    return figure.load


def _limits(server: Server) -> Limits:
    return engine_kind(server.engine).limits(server.profile, server.words, {})


def _served(figure: Figure) -> tuple[float, int]:
    """Return the seconds in which a server answers a whole load, and the tokens that it wrote."""
    server = figure.server
    inputs, outputs = _load(figure).tokens()
    log = RequestLog.of_size(len(inputs))
    engine = engine_kind(server.engine).start(
        server.profile, _limits(server), log, ordinal=0, model_name=server.model, now=0.0
    )
    engine.offer(range(len(inputs)), [0.0] * len(inputs), inputs, outputs)
    engine.advance(math.inf)
    if set(log.status) != {Status.OK}:
        raise SystemExit(f"{FIGURES}: {figure.name} has requests that the server does not take")
    return max(log.last_token_seconds), sum(outputs)


def table() -> str:
    """Return the comparison as Markdown."""
    head = ["| server and load | shows | published | model | error |", "|---|---|---:|---:|---:|"]
    return "\n".join([*head, *map(_row, figures())])


def _row(figure: Figure) -> str:
    found = modelled(figure)
    shown = " | ".join(
        f"{value:,.{0 if value >= 100 else 1}f}" for value in (figure.published, found)
    )
    error = 100 * (found / figure.published - 1)
    return f"| [{figure.name}]({figure.source}) | {figure.shows} | {shown} | {error:+.1f} % |"


if __name__ == "__main__":
    print(table())
