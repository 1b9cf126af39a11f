"""Documents to specs."""

from __future__ import annotations

import msgspec
import pytest

from scalecert.hpa.quantity import parse_quantity
from scalecert.hpa.types import HorizontalPodAutoscalerSpec, decode_spec
from scalecert.scalars import decode_hook, encode_hook

DOCUMENT = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "maxReplicas": 3,
    "metrics": [
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "m", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "AverageValue", "averageValue": 0.5},
            },
        }
    ],
    "behavior": {"scaleDown": {"tolerance": "0.05", "stabilizationWindowSeconds": 60}},
}


def test_documents_are_read_and_written_as_the_api_writes_them() -> None:
    """Names are camelCase, quantities may be numbers and come out canonical."""
    spec = decode_spec(DOCUMENT)
    assert spec.metrics[0].pods is not None
    assert spec.metrics[0].pods.target.average_value == parse_quantity("500m")
    written = msgspec.to_builtins(spec, enc_hook=encode_hook)
    assert written["metrics"][0]["pods"]["target"] == {
        "type": "AverageValue", "averageValue": "500m",
    }  # fmt: skip
    assert decode_spec(written) == spec


def test_null_is_absent() -> None:
    """A field without a value, as templates leave it, is no field."""
    assert decode_spec(DOCUMENT | {"minReplicas": None}) == decode_spec(DOCUMENT)
    assert decode_spec(DOCUMENT | {"metrics": None}).metrics == ()


def metric_with(labels: object) -> dict:
    metric = {"name": "m", "selector": {"matchLabels": labels}}
    return DOCUMENT | {"metrics": [{"type": "Pods", "pods": {"metric": metric}}]}


def test_a_null_label_is_an_empty_one() -> None:
    """Labels are no fields: one without a value still selects, as the API reads it."""
    assert decode_spec(metric_with({"a": None})) == decode_spec(metric_with({"a": ""}))
    assert decode_spec(metric_with(None)) == decode_spec(metric_with({}))
    with pytest.raises(msgspec.ValidationError, match="matchLabels"):
        decode_spec(metric_with("a"))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"maxReplicas": 2.5}, "maxReplicas"),
        ({"maxReplicas": "3"}, "maxReplicas"),
        ({"maxReplicas": 2**31}, "maxReplicas"),
        ({"maxreplicas": 3}, "maxreplicas"),
        ({"behavior": {"scaleUp": {"tolerance": "10%"}}}, r"\$\.behavior\.scaleUp\.tolerance"),
        ({"metrics": [{"type": "Pods", "pods": {"target": {"averageValue": []}}}]},
         r"\$\.metrics\[0\]\.pods\.target\.averageValue"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_path(changes: dict, where: str) -> None:
    """Wrong types, unknown fields and bad quantities are errors that name the field."""
    with pytest.raises(msgspec.ValidationError, match=where):
        decode_spec(DOCUMENT | changes)


def test_json_is_read_with_the_hook() -> None:
    """msgspec's own decoders work with the package's hooks."""
    text = msgspec.json.encode(decode_spec(DOCUMENT), enc_hook=encode_hook)
    spec = msgspec.json.decode(text, type=HorizontalPodAutoscalerSpec, dec_hook=decode_hook)
    assert spec == decode_spec(DOCUMENT)
