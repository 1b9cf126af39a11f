"""The Workload document."""

from __future__ import annotations

import msgspec
import pytest
from jsonschema import Draft202012Validator

from scalecert.scalars import decode_hook, encode_hook, schema_hook
from scalecert.workload.model import Arrivals, Workload

RATES = [
    {"shape": "constant", "rate": "0.4 max"},
    {"shape": "ramp", "from": 1, "to": "0.9 max", "start": "1m", "duration": "10m"},
    {"shape": "staircase", "levels": [{"rate": 1, "duration": 60}, {"rate": 2, "duration": "1m"}]},
    {"shape": "spike", "base": "0.3 max", "peak": "0.9 max", "start": 300, "duration": 120},
    {"shape": "sine", "mean": 12, "amplitude": 3.6, "period": "840s"},
    {
        "shape": "burst-and-drain",
        "base": "0.1 replicas",
        "peak": "2 replicas",
        "start": 60,
        "duration": 30,
        "drainDuration": "2m",
        "cycles": 3,
    },
]
TRACE = {"file": "trace.csv.gz", "speed": 2, "start": "1m", "duration": "10m"}
SIZES = {
    "input": {"distribution": "lognormal", "mean": 256, "cv": 0.8, "max": 2048},
    "output": {"distribution": "histogram", "edges": [1, 10, 100], "weights": [3, 1]},
}
DOCUMENTS = [{"rate": rate, "sizes": SIZES} for rate in RATES] + [
    {"rate": RATES[0], "sizes": SIZES, "arrivals": {"process": "gamma", "cv": 3}},
    {"rate": {"shape": "trace", "peak": "0.8 max"}, "sizes": "trace", "trace": TRACE},
    {"rate": RATES[0], "sizes": "trace", "trace": TRACE},
    {
        "rate": RATES[0],
        "sizes": {
            "input": {"distribution": "empirical", "file": "sizes.csv"},
            "output": {"distribution": "uniform", "low": 1, "high": 9},
        },
    },
]


def convert(document):
    return msgspec.convert(document, Workload, dec_hook=decode_hook)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_round_trip(document):
    """What is encoded decodes to an equal workload, to the same bytes each time."""
    workload = convert(document)
    encoded = msgspec.json.encode(workload, enc_hook=encode_hook, order="deterministic")
    again = msgspec.json.decode(encoded, type=Workload, dec_hook=decode_hook)
    assert again == workload
    assert msgspec.json.encode(again, enc_hook=encode_hook, order="deterministic") == encoded


@pytest.mark.parametrize("document", DOCUMENTS)
def test_schema_describes_documents(document):
    """The JSON Schema accepts what the decoder accepts, as written and as encoded."""
    schema = msgspec.json.schema(Workload, schema_hook=schema_hook)
    validator = Draft202012Validator(schema)
    encoded = msgspec.json.decode(msgspec.json.encode(convert(document), enc_hook=encode_hook))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(encoded)) == []
    assert list(validator.iter_errors(document | {"typo": 1})) != []


def test_default_arrivals():
    """Arrivals are Poisson unless stated."""
    assert convert(DOCUMENTS[0]).process == Arrivals(process="poisson")
    assert convert(DOCUMENTS[6]).process == Arrivals(process="gamma", cv=3.0)


def _rate(**fields):
    return {"rate": fields, "sizes": SIZES}


def _input(**fields):
    return {"rate": RATES[0], "sizes": SIZES | {"input": fields}}


def _arrivals(**fields):
    return {"rate": RATES[0], "sizes": SIZES, "arrivals": fields}


def _trace(**fields):
    return {"rate": {"shape": "trace"}, "sizes": "trace", "trace": {"file": "t.csv", **fields}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (_rate(shape="constant", rate=-1), r"found -1, .*\$\.rate\.rate"),
        (_rate(shape="square", rate=1), r"'square' - at `\$\.rate\.shape`"),
        (_rate(shape="constant", rate=1, typo=1), "unknown field `typo`"),
        (_rate(shape="ramp", **{"from": 1}, to=2, duration=0), "duration 0"),
        (_rate(shape="ramp", **{"from": 1}, to=2, duration="-5s"), "expected a duration"),
        (_rate(shape="staircase", levels=[]), "no levels"),
        (_rate(shape="staircase", levels=[{"rate": 1, "duration": 0}]), r"levels\[0\]"),
        (_rate(shape="staircase", levels=[{"rate": 1, "duration": 5, "ramp": 6}]), "a ramp longer"),
        (_rate(shape="spike", base=1, peak=2, start=0, duration=0), "duration 0"),
        (_rate(shape="sine", mean=1, amplitude=1, period=0), "period 0"),
        (_rate(shape="ramp", **{"from": 1}, to=2, duration=1e-9), "duration 1e-09"),
        (_rate(shape="staircase", levels=[{"rate": 1, "duration": 5, "ramp": 1e-9}]), "ramp 1e-09"),
        (_rate(shape="ramp", **{"from": 1}, to=2, start=1e181, duration=5), "ten years"),
        (_rate(**RATES[5] | {"cycles": 0}), "cycles 0"),
        (_rate(**RATES[5] | {"duration": 0}), "duration 0"),
        (_rate(**RATES[5] | {"drainDuration": 0}), "drainDuration 0"),
        (_arrivals(process="gamma"), "no cv"),
        (_arrivals(process="gamma", cv=0), "cv 0"),
        (_arrivals(process="gamma", cv=21), "cv 21"),
        (_arrivals(process="gamma", cv=1e-300), "cv 1e-300, expected 0.001 to 20"),
        (_arrivals(process="poisson", cv=1), "only gamma"),
        (_input(distribution="fixed", tokens=0), "tokens 0"),
        (_input(distribution="fixed", tokens=10**8), "tokens 100000000"),
        (_input(distribution="fixed", tokens=1.5), "Expected `int`"),
        (_input(distribution="uniform", low=5, high=4), "low 5 above high 4"),
        (_input(distribution="uniform", low=-5, high=4), "low -5"),
        (_input(distribution="lognormal", mean=10, cv=0), "cv 0"),
        (_input(distribution="lognormal", mean=10, cv=1, max=9), "above max 9"),
        (_input(distribution="histogram", edges=[1], weights=[]), "1 edges"),
        (_input(distribution="histogram", edges=[1, 2], weights=[1, 1]), "2 weights"),
        (_input(distribution="histogram", edges=[2, 2], weights=[1]), "don't rise"),
        (_input(distribution="histogram", edges=[0, 2], weights=[1]), "edge 0"),
        (_input(distribution="histogram", edges=[1, 2, 3], weights=[2, -1]), "negative"),
        (_input(distribution="histogram", edges=[1, 2], weights=[0]), "all zero"),
        (_trace(speed=0), "speed 0"),
        (_trace(duration=0), "duration 0"),
        (_trace(format="sharegpt"), "'sharegpt'"),
        (_trace() | {"rate": {"shape": "trace", "mean": 1, "peak": 1}}, "mean and peak"),
        (_trace() | {"rate": {"shape": "trace", "window": 0}}, "window 0"),
        (_trace() | {"arrivals": {"process": "poisson"}}, "brings its own"),
        (_trace() | {"rate": RATES[0], "sizes": SIZES}, "neither rate nor sizes"),
        ({"rate": {"shape": "trace"}, "sizes": SIZES}, "no trace"),
        ({"rate": RATES[0], "sizes": "trace"}, "no trace"),
        ({"rate": RATES[0], "sizes": "mooncake"}, "'mooncake'"),
        ({"rate": RATES[0]}, "`sizes`"),
    ],
)
def test_refused(document, message):
    """What can't be a workload is refused, by the field at fault and what was found."""
    with pytest.raises(msgspec.ValidationError, match=message):
        convert(document)
