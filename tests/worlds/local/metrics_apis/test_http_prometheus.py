"""Prometheus' HTTP API as the adapters use it: a stand-in, and a real one that scrapes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed
from worlds.local.metrics_apis.real_prometheus import (
    LIMIT_SECONDS,
    require_prometheus,
    running_prometheus,
)

from scalecert.clock import unix_seconds
from scalecert.metrics.promql import Element, EvaluationError, parse
from scalecert.metrics.tsdb import NAME_LABEL, Matcher
from scalecert.worlds.local.metrics_apis.http_prometheus import HttpPrometheus, Samples


class Site:
    """An HTTP server with one answer, which notes what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.body = b""
        self.asked: list[tuple[str, dict[str, list[str]]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                site.asked.append((url.path, parse_qs(url.query)))
                self.send_response(site.status)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *arguments: object) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"

    def answers(self, data: object) -> None:
        self.body = json.dumps({"status": "success", "data": data}).encode()


@contextmanager
def running(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    with running(Site()) as one:
        yield one


@contextmanager
def client(site: Site, *, delay: float = 0.0, time_lapse: int = 1) -> Iterator[HttpPrometheus]:
    prometheus = HttpPrometheus(
        f"http://{site.address}", delay_seconds=delay, time_lapse=time_lapse, listed=("x", "a.b")
    )
    try:
        yield prometheus
    finally:
        prometheus.close()


def test_a_vector_is_its_elements(site: Site) -> None:
    """Labels and values arrive, with what JSON can't hold as a number."""
    values = {"a": "1.5", "b": "NaN", "c": "+Inf"}
    site.answers(
        {
            "resultType": "vector",
            "result": [
                {"metric": {"pod": pod}, "value": [1.0, value]} for pod, value in values.items()
            ],
        }
    )
    with client(site) as prometheus:
        found = prometheus.query(parse("x"), 5.0)
    assert isinstance(found, list)
    assert found[0] == Element({"pod": "a"}, 1.5)
    assert str([one.value for one in found]) == "[1.5, nan, inf]"


def test_a_scalar_is_a_number(site: Site) -> None:
    """A query without series has one value, an empty vector none."""
    with client(site) as prometheus:
        site.answers({"resultType": "scalar", "result": [1.0, "42"]})
        assert prometheus.query(parse("42"), 5.0) == 42.0
        site.answers({"resultType": "vector", "result": []})
        assert prometheus.query(parse("x"), 5.0) == []


def test_queries_are_of_the_past_and_fit_the_clock(site: Site) -> None:
    """A delay moves a query's time back, a time lapse shortens its spans."""
    site.answers({"resultType": "vector", "result": []})
    with client(site, delay=1.0, time_lapse=5) as prometheus:
        prometheus.query(parse("max_over_time(x[1m])"), 101.25)
    [(path, asked)] = site.asked
    assert path == "/api/v1/query"
    assert asked == {"query": ['max_over_time({__name__="x"}[12s])'], "time": ["100.250"]}


def test_samples_are_those_of_a_span(site: Site) -> None:
    """Raw samples are asked for with a range, at the time itself."""
    points = [[100.0, "1"], [115.0, "2"]]
    site.answers({"resultType": "matrix", "result": [{"metric": {"pod": "a"}, "values": points}]})
    with client(site, delay=1.0, time_lapse=5) as prometheus:
        found = prometheus.samples([Matcher(NAME_LABEL, "=", "x")], 120.0, 61.0)
    assert found == [Samples({"pod": "a"}, (100.0, 115.0), (1.0, 2.0))]
    assert site.asked[0][1] == {"query": ['{__name__="x"}[61s]'], "time": ["120.000"]}


def test_series_are_listed_by_matchers_and_span(site: Site) -> None:
    """Discovery asks for series, not for values, and for those that are of use."""
    site.answers([{NAME_LABEL: "x", "pod": "a"}])
    with client(site) as prometheus:
        found = prometheus.series([Matcher("pod", "!=", "")], 40.0, 100.0)
    assert list(found) == [{NAME_LABEL: "x", "pod": "a"}]
    assert site.asked == [
        (
            "/api/v1/series",
            {
                "match[]": ['{pod!="",__name__=~"a\\\\.b|x"}'],
                "start": ["40.0"],
                "end": ["100.0"],
            },
        )
    ]


def test_all_series_are_listed_where_no_names_are_given(site: Site) -> None:
    """An adapter of which nobody knows what it will be asked for lists whatever its rules take."""
    site.answers([])
    prometheus = HttpPrometheus(
        f"http://{site.address}", delay_seconds=0.0, time_lapse=1, listed=None
    )
    prometheus.series([Matcher("pod", "!=", "")], 40.0, 100.0)
    prometheus.close()
    assert site.asked[0][1]["match[]"] == ['{pod!=""}']


@pytest.mark.parametrize("status", [400, 422, 503])
def test_a_refusal_is_an_error_at_once(site: Site, status: int) -> None:
    """A query that is refused is asked once: the autoscaler is to hear of it."""
    site.status, site.body = status, b'{"status": "error", "error": "many-to-many"}'
    with client(site) as prometheus:
        with pytest.raises(EvaluationError, match="many-to-many"):
            prometheus.query(parse("x"), 5.0)
        assert len(site.asked) == 1


def test_words_that_are_no_answer_are_an_error(site: Site) -> None:
    """A page that is not JSON is no answer of Prometheus."""
    site.body = b"<html>"
    with client(site) as prometheus, pytest.raises(EvaluationError, match="Prometheus"):
        prometheus.series([], 0.0, 1.0)


def test_a_prometheus_that_is_gone_is_an_error() -> None:
    """Where nobody listens, the query fails."""
    gone = Site()
    gone.server.server_close()
    with client(gone) as prometheus, pytest.raises(EvaluationError, match="Prometheus"):
        prometheus.query(parse("x"), 5.0)


def test_staleness_markers_are_no_samples(site: Site, tmp_path: Path) -> None:
    """A series that ends leaves no sample but its last; NaN that was scraped stays.

    Cloud Monitoring has no staleness markers, so that its copy of the samples may hold none.
    """
    require_prometheus()
    site.body = b"lasting 1\nending 2\nending_nan NaN\n"
    config = (
        "scrape_configs: [{job_name: j, scrape_interval: 50ms, scrape_timeout: 50ms,"
        f" static_configs: [{{targets: ['{site.address}']}}]}}]"
    )
    until = Retrying(
        stop=stop_after_delay(LIMIT_SECONDS),
        wait=wait_fixed(0.02),
        retry=retry_if_exception_type(AssertionError),
        reraise=True,
    )
    with running_prometheus(tmp_path, tmp_path / "data", config) as url:
        prometheus = HttpPrometheus(url, delay_seconds=0.0, time_lapse=1, listed=())
        until(lambda: _assert_value(prometheus, "ending", [2.0]))
        site.body = b"lasting 1\n"
        until(lambda: _assert_value(prometheus, "ending", []))
        now = unix_seconds()
        lasting, ending, not_a_number = (
            prometheus.samples([Matcher(NAME_LABEL, "=", name)], now, 60.0)[0]
            for name in ("lasting", "ending", "ending_nan")
        )
        prometheus.close()
    assert set(ending.values) == {2.0}
    assert len(not_a_number.values) == len(ending.values) < len(lasting.values)


def _assert_value(prometheus: HttpPrometheus, query: str, values: list[float]) -> None:
    found = prometheus.query(parse(query), unix_seconds())
    assert isinstance(found, list)
    assert [one.value for one in found] == values
