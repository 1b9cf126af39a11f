"""The objective: understood exactly or refused, and never assumed."""

from __future__ import annotations

import pytest

from scalecert.errors import UsageError
from scalecert.policy.objective import parse_objective, resolve_objective
from scalecert.recording.plan import ObjectiveTerm

from .conftest import DEPLOYMENT, HPA, changed, joined

ANNOTATED = '  name: llm\n  annotations: {scalecert.dev/objective: "ttft_p95=3s"}\nspec'


def test_terms():
    """Each term is a metric, a percentile and a limit in seconds, in the order given."""
    objective = parse_objective(
        "ttft_p95=2s, tpot_p99.9=100ms,mean_time_per_token_p95=300ms,e2e_p50=1m30s", source="here"
    )
    assert objective.terms == (
        ObjectiveTerm(metric="ttft", quantile=0.95, limit_seconds=2.0),
        ObjectiveTerm(metric="tpot", quantile=0.999, limit_seconds=0.1),
        ObjectiveTerm(metric="mean_time_per_token", quantile=0.95, limit_seconds=0.3),
        ObjectiveTerm(metric="e2e", quantile=0.5, limit_seconds=90.0),
    )
    assert parse_objective(objective.text(), source="here") == objective


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "ttf_p95=2s",
            (
                "--objective: found 'ttf_p95=2s', expected terms such as ttft_p95=2s,tpot_p95="
                "100ms (did you mean ttft_p95?)"
            ),
        ),
        ("ttft_p95=2", "--objective: ttft_p95: found '2', expected a duration such as 2s"),
        ("ttft_p95", "found 'ttft_p95', expected terms"),
        ("", "found '', expected terms"),
        ("ttft_mean=2s", "found 'ttft_mean=2s', expected terms"),
        ("ttft_p20=2s", "found ttft_p20, expected a percentile from p50 to p99.9"),
        ("ttft_p100=2s", "found ttft_p100, expected a percentile"),
        ("ttft_p95=0s", "expected a limit above zero"),
        ("ttft_p95=-1s", "found '-1s', expected a duration"),
        ("ttft_p95=1s,ttft_p95.0=2s", "found ttft_p95 twice"),
        ("xyz=2s", "(metrics are ttft, tpot, mean_time_per_token, e2e)"),
        (
            "tpot_p95=100ms,tpot_p50=50ms",
            (
                "--objective: found tpot_p95=100ms,tpot_p50=50ms, expected a limit from arrival"
                " too: queueing is left out of TPOT (add ttft or e2e)"
            ),
        ),
        (
            "mean_time_per_token_p95=300ms",
            (
                "--objective: found mean_time_per_token_p95=300ms, expected a limit from arrival"
                " too: queueing is left out of mean time per token (add ttft or e2e)"
            ),
        ),
        (
            "tpot_p95=80ms,mean_time_per_token_p95=300ms",
            "queueing is left out of TPOT and mean time per token (add ttft or e2e)",
        ),
        ("mean_time_per_tokn_p95=1s", "(did you mean mean_time_per_token_p95?)"),
    ],
)
def test_what_cannot_be_understood_is_refused(text, line):
    """Each error names what was found and what would be right."""
    with pytest.raises(UsageError) as caught:
        parse_objective(text, source="here")
    assert line in str(caught.value)


@pytest.mark.parametrize(
    "text", ["ttft_p95=2s", "e2e_p99=9s,tpot_p95=80ms", "mean_time_per_token_p95=80ms,ttft_p50=1s"]
)
def test_any_limit_from_arrival_is_enough(text):
    """TTFT and E2E begin at the arrival, so that waiting counts; others may stand beside them."""
    assert parse_objective(text, source="here").text() == text


@pytest.mark.parametrize("place", ["annotation", "text", "document"])
def test_tpot_alone_is_refused_wherever_it_is_written(load, tmp_path, place):
    """A queue of an hour would keep a TPOT limit; the error says where the objective stands."""
    if place == "annotation":
        policy, given = (
            load(changed(HPA, "  name: llm\nspec", ANNOTATED.replace("ttft", "tpot"))),
            None,
        )
        where = r"in\.yaml:5: scalecert\.dev/objective: "
    else:
        path = tmp_path / ("o.txt" if place == "text" else "o.yaml")
        header = "apiVersion: scalecert.dev/v1\nkind: Objective\n"
        path.write_text("tpot_p95=80ms" if place == "text" else f"{header}spec: {{tpot_p95: 80ms}}")
        policy, given, where = load(HPA), str(path), rf"{path}:1: "
    with pytest.raises(UsageError, match=where) as caught:
        resolve_objective(policy, given)
    assert "queueing is left out of TPOT (add ttft or e2e)" in str(caught.value)


def test_it_comes_from_the_option_then_the_annotations(load):
    """`--objective` wins over the HPA's annotation, that over the target's; each names itself."""
    both = load(
        joined(
            changed(HPA, "  name: llm\nspec", ANNOTATED),
            changed(DEPLOYMENT, "  name: llm\nspec", ANNOTATED.replace("3s", "4s")),
        )
    )
    assert resolve_objective(both, "ttft_p95=2s").source == "--objective"
    assert resolve_objective(both).terms[0].limit_seconds == 3.0
    assert "annotation of the HPA" in resolve_objective(both).source
    target = load(joined(HPA, changed(DEPLOYMENT, "  name: llm\nspec", ANNOTATED)))
    assert resolve_objective(target).terms[0].limit_seconds == 3.0
    assert "annotation of the Deployment" in resolve_objective(target).source


def test_there_is_none_by_default(load):
    """Without any, the error says how to give one."""
    with pytest.raises(UsageError, match="found no objective for llm") as caught:
        resolve_objective(load(HPA))
    assert "scalecert.dev/objective" in str(caught.value)


def test_a_bad_annotation_is_named_with_its_line(load):
    """A mistake in an annotation points into the manifest."""
    policy = load(changed(HPA, "  name: llm\nspec", ANNOTATED.replace("3s", "3")))
    with pytest.raises(UsageError, match=r"in\.yaml:5: scalecert\.dev/objective: ttft_p95: "):
        resolve_objective(policy)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.txt", "# to hold\nttft_p95=2s\ntpot_p95=100ms,\n"),
        (
            "o.yaml",
            "apiVersion: scalecert.dev/v1\nkind: Objective\nspec: {ttft_p95: 2s, tpot_p95: 100ms}",
        ),
    ],
)
def test_a_file(load, tmp_path, name, text):
    """A file of text or of kind Objective says the same as the option."""
    path = tmp_path / name
    path.write_text(text)
    objective = resolve_objective(load(HPA), str(path))
    assert objective.terms == parse_objective("ttft_p95=2s,tpot_p95=100ms", source="").terms
    assert objective.source == str(path)
