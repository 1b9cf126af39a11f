"""Generators as processes, against servers that a test scripts: nothing is lost or made up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from load.children import LIMIT_SECONDS, Children, children, wait_for
from load.offers import client, offer_of, write_routes
from load.scripted_server import END, TOKEN, scripted_servers

from scalecert.clock import unix_seconds
from scalecert.engines.request_log import Status
from scalecert.errors import EnvironmentFault, HarnessBug
from scalecert.load import Answers, Load, Offer, Service, prepare

AHEAD_SECONDS = 0.3


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Children]:
    """Yield who starts processes, where somebody has a configuration of Locust's."""
    (tmp_path / "locust.conf").write_text("run-time = 1s\n")
    (tmp_path / ".locust.conf").write_text("run-time = 1s\n")
    with children(tmp_path, {"HOME": str(tmp_path), "LOCUST_RUN_TIME": "1s"}) as started:
        yield started


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    """Return the routes' file, with one pod on the loopback address."""
    path = tmp_path / "routes.json"
    write_routes(path, {0: "127.0.0.1"})
    return path


def begun(processes: Children, offer: Offer, service: Service, **how: int) -> Load:
    """Return a load that has begun."""
    load = prepare(
        processes, processes.logs / "load", offer, service, limit_seconds=LIMIT_SECONDS, **how
    )
    load.begin(unix_seconds() + AHEAD_SECONDS)
    return load


def answered(processes: Children, offer: Offer, service: Service, **how: int) -> Answers:
    """Return the answers to an offer."""
    return begun(processes, offer, service, **how).collect(limit_seconds=LIMIT_SECONDS)


def pause() -> None:
    """Let bytes go on their way apart from the next ones."""
    Event().wait(0.05)


def apart(*pieces: bytes):
    """Return a script that streams pieces with a pause before each."""

    def script(speaker) -> None:
        speaker.stream(end=b"")
        for piece in pieces:
            pause()
            speaker.say(b"%x\r\n%b\r\n" % (len(piece), piece))
        speaker.say(END)

    return script


ENDS = {
    # words of the prompt: (what the server does, tokens asked, streamed, how the request ends)
    1: (apart(TOKEN, TOKEN), 2, True, Status.OK),
    2: (apart(TOKEN[:3], TOKEN[3:] + TOKEN, b": a comment\n\n", TOKEN), 3, True, Status.OK),
    3: (lambda it: it.stream(TOKEN), 2, True, Status.ABORTED),
    4: (lambda it: it.stream(TOKEN, end=b""), 2, True, Status.ABORTED),
    5: (lambda it: it.reply("429 Too Many", b"no"), 2, True, Status.REJECTED),
    6: (lambda it: it.reply("503 Busy", b"at its limits"), 2, False, Status.REJECTED),
    7: (lambda it: it.reply("503 Busy", b"loading"), 2, True, Status.ABORTED),
    8: (lambda it: it.stream(b"data: full\n\n"), 2, True, Status.REJECTED),
    9: (lambda it: it.reply("500 Dead", b"error"), 2, True, Status.ABORTED),
    10: (lambda it: it.leave(), 2, True, Status.ABORTED),
    11: (lambda it: it.reply("200 OK", b"token token"), 2, False, Status.OK),
    12: (lambda it: it.reply("200 OK", b"token"), 2, False, Status.ABORTED),
    13: (lambda it: it.say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ntok"), 2, False,
         Status.ABORTED),
    14: (lambda it: it.say(b"no HTTP at all\r\n\r\n"), 2, True, Status.ABORTED),
}  # fmt: skip


def test_how_requests_end(processes, routes):
    """Answered, refused at a limit, broken off, not there yet; each as the simulator calls it."""
    offer = offer_of(
        np.arange(len(ENDS)) * 0.02,
        inputs=list(ENDS),
        outputs=[tokens for _, tokens, _, _ in ENDS.values()],
        streamed=[streamed for _, _, streamed, _ in ENDS.values()],
    )
    with scripted_servers({words: end[0] for words, end in ENDS.items()}) as (server,):
        answers = answered(processes, offer, Service(client(server.port), routes))
    assert answers.problems == ()
    expected = [status for _, _, _, status in ENDS.values()]
    assert [Status(one) for one in answers.status] == expected
    ended = dict(zip(ENDS, range(len(ENDS)), strict=True))
    unready = ended[7]
    assert answers.refused_seconds.tolist() == [answers.sent_seconds[unready]]
    assert answers.replica.tolist() == [-1 if one == unready else 0 for one in range(len(ENDS))]
    assert server.asked == [[(words, False)] for words in ENDS]

    served = answers.status == Status.OK
    assert np.isfinite(answers.last_token_seconds[served]).all()
    assert np.isnan(answers.last_token_seconds[~served]).all()
    saw_first = np.isfinite(answers.first_token_seconds)
    assert np.flatnonzero(saw_first).tolist() == [ended[words] for words in (1, 2, 3, 4)]
    assert (answers.sent_seconds >= answers.arrival_seconds).all()
    assert (answers.first_token_seconds[:2] > answers.sent_seconds[:2]).all()
    assert (answers.last_token_seconds[:2] > answers.first_token_seconds[:2] + 0.04).all()


def test_requests_without_a_pod_are_refused(processes, routes):
    """No route, or a port that is closed; when routes come, the next request goes there."""
    write_routes(routes, {})
    offer = offer_of([0.0, 0.1, 2.5, 2.6], inputs=[1, 2, 3, 4])
    with scripted_servers({}) as (server,):
        service = Service(client(server.port), routes, routing="round-robin")
        load = begun(processes, offer, service)
        wait_for(lambda: len(log_of(processes)) >= 2, "two refusals")
        write_routes(routes, {4: "127.0.0.1", 7: "127.0.0.2"})
        answers = load.collect(limit_seconds=LIMIT_SECONDS)
    assert server.prompts() == [[3]]
    assert answers.replica.tolist() == [-1, -1, 4, -1]
    assert answers.status.tolist() == [Status.ABORTED] * 2 + [Status.OK, Status.ABORTED]
    assert len(answers.refused_seconds) == 3


def log_of(processes: Children) -> bytes:
    """Return the bytes that the first generator has logged, one for each record."""
    from scalecert.load.answer_log import RECORD

    found = list((processes.logs / "load").glob("answers-0.*"))
    return found[0].read_bytes()[:: RECORD.itemsize] if found else b""


@pytest.mark.parametrize("routing", ["round-robin", "least-outstanding"])
def test_kept_connections_are_used_again(processes, routes, routing):
    """One request at a time needs one connection, and stays with its pod."""
    write_routes(routes, {0: "127.0.0.1", 1: "127.0.0.2"})
    offer = offer_of(np.arange(5) * 0.4, inputs=[1, 2, 3, 4, 5], streamed=[1, 0, 1, 0, 1])
    whole = {words: lambda it: it.reply("200 OK", b"token token") for words in (2, 4)}
    with scripted_servers(whole, ["127.0.0.1", "127.0.0.2"]) as servers:
        service = Service(
            client(servers[0].port), routes, routing=routing, connections="keep-alive"
        )
        answers = answered(processes, offer, service)
    assert [one.prompts() for one in servers] == [[[1, 2, 3, 4, 5]], []]
    assert answers.status.tolist() == [Status.OK] * 5


def test_a_connection_that_the_server_closed_is_no_loss(processes, routes):
    """Closed while it was idle, or as the next request came: that goes on a new one."""
    offer = offer_of(np.arange(4) * 0.5, inputs=[1, 2, 3, 4])
    scripts = {
        1: lambda it: (it.stream(TOKEN, TOKEN), it.leave()),
        3: once(lambda it: it.leave()),
    }
    with scripted_servers(scripts) as (server,):
        service = Service(client(server.port), routes, connections="keep-alive")
        answers = answered(processes, offer, service)
    assert server.prompts() == [[1], [2, 3], [3, 4]]
    assert answers.status.tolist() == [Status.OK] * 4


def once(script):
    """Return a script that does so the first time, and answers after it."""
    left = [script]

    def play(speaker) -> None:
        if left:
            left.pop()(speaker)
        speaker.stream(TOKEN, TOKEN)

    return play


def test_idle_connections_are_closed_in_time(processes, routes):
    """Before the server would: after its idle seconds, divided by the time lapse."""
    offer = offer_of([0.0, 0.4, 2.4], inputs=[1, 2, 3])
    with scripted_servers({}) as (server,):
        service = Service(
            client(server.port, idle_seconds=6.0), routes, connections="keep-alive", time_lapse=5
        )
        answers = answered(processes, offer, service)
    assert server.prompts() == [[1, 2], [3]]
    assert answers.status.tolist() == [Status.OK] * 3


def test_processes_share_the_load(processes, routes):
    """Each sends its part; together every request is sent once, at its time."""
    offer = offer_of(np.arange(30) * 0.02, inputs=list(range(1, 31)))
    with scripted_servers({}) as (server,):
        answers = answered(processes, offer, Service(client(server.port), routes), generators=2)
    assert sorted(prompt for (prompt,) in server.prompts()) == list(range(1, 31))
    assert answers.status.tolist() == [Status.OK] * 30
    assert (answers.sent_seconds >= answers.arrival_seconds).all()


def test_what_was_seen_until_a_crash_is_told(processes, routes):
    """A killed generator: its answers count, the rest was not sent, and it is said."""
    offer = offer_of([0.0, 60.0], inputs=[1, 2])
    with scripted_servers({}) as (server,):
        load = begun(processes, offer, Service(client(server.port), routes))
        wait_for(lambda: len(log_of(processes)) >= 2, "the first answer")
        os.kill(processes.running["load-0"].pid, signal.SIGKILL)
        answers = load.collect(limit_seconds=LIMIT_SECONDS)
    assert answers.status.tolist() == [Status.OK, Status.PENDING]
    assert np.isnan(answers.sent_seconds[1])
    (problem,) = answers.problems
    assert "load-0" in problem
    assert "-9" in problem


def test_an_answer_that_never_comes_is_pending_at_the_limit(processes, routes):
    """The request was sent; nobody waits for ever."""
    with scripted_servers({1: lambda it: Event().wait(LIMIT_SECONDS)}) as (server,):
        load = begun(processes, offer_of([0.0], inputs=[1]), Service(client(server.port), routes))
        wait_for(lambda: server.asked, "the request")
        answers = load.collect(limit_seconds=0.1)
    assert answers.status.tolist() == [Status.PENDING]
    assert np.isfinite(answers.sent_seconds).all()
    assert "was not done in 0.1 s" in answers.problems[0]
    assert processes.exit_code("load-0") is not None


class Forgetful(Children):
    """Loses the settings before it starts a process."""

    def start(self, name, command, *, env=None):
        (self.logs / "load" / "load.json").unlink()
        super().start(name, command, env=env)


def test_a_process_that_can_not_begin_is_told_at_once(tmp_path, routes):
    """Its settings are not there: no wait for the limit, and nothing is left."""
    broken = Forgetful(tmp_path)
    try:
        with pytest.raises(EnvironmentFault, match="load-0 with exit code 1"):
            begun(broken, offer_of([0.0]), Service(client(1), routes))
        assert broken.exit_code("load-0") == 1
    finally:
        broken.kill()


def test_one_view_of_all_requests_takes_one_process(processes, routes):
    """Two could not tell which pod has the fewest requests, nor share connections."""
    service = Service(client(1), routes, routing="least-outstanding")
    with pytest.raises(HarnessBug, match="one load generator"):
        begun(processes, offer_of([0.0]), service, generators=2)
