"""Requests are sent evenly, each once, and what fails is named."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from vmmesh import traffic
from vmmesh.judge import Sent

Answer = Callable[[BaseHTTPRequestHandler, int], None]


@contextmanager
def served(answer: Answer) -> Generator[tuple[str, Counter[str]]]:
    """A server, and how often it was asked; the answer to each request is told its number."""
    asked: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            with lock:
                asked[self.path] += 1
                number = asked[self.path]
            answer(self, number)

        def log_message(self, format: str, *args: object) -> None:  # as the library names it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def status(code: int, handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(code)
    for name, value in {"content-length": "0", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def test_requests_go_to_each_cluster_as_often_and_failures_are_named() -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        status(503 if handler.path == "/two" and number % 10 == 0 else 200, handler)

    with served(answer) as (url, asked):
        sent = traffic.send({"cluster1": f"{url}/one", "cluster2": f"{url}/two"}, 100)
    assert asked == {"/one": 100, "/two": 100}
    assert sent["cluster1"] == Sent(requests=100, failures={})
    assert sent["cluster2"] == Sent(requests=100, failures={"HTTP 503": 10})


def test_nobody_there_is_a_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/x"
    failures = traffic.send({"cluster1": url}, 3)["cluster1"].failures
    assert sum(failures.values()) == 3
    assert all("Cannot connect" in what for what in failures)


def test_a_request_that_is_cut_is_lost_and_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a connection that has served others before, too, where HTTP lets a client try again."""
    monkeypatch.setattr(traffic, "AT_ONCE", 1)

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number % 5:
            status(200, handler)
        else:
            handler.close_connection = True

    with served(answer) as (url, asked):
        sent = traffic.send({"cluster1": f"{url}/x"}, 20)["cluster1"]
    assert asked == {"/x": 20}
    assert sum(sent.failures.values()) == 4


def test_a_redirect_is_no_success() -> None:
    with served(lambda handler, _: status(302, handler, location="/elsewhere")) as (url, asked):
        sent = traffic.send({"cluster1": f"{url}/x"}, 2)
    assert asked == {"/x": 2}
    assert sent["cluster1"].failures == {"HTTP 302": 2}


def test_a_cookie_of_an_answer_is_not_sent_again() -> None:
    """All requests would be one session, and go where its first one went."""
    sessions: Counter[str | None] = Counter()

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        sessions[handler.headers["cookie"]] += 1
        status(200, handler, **{"set-cookie": "session=vm1; Max-Age=3600; Path=/"})

    with served(answer) as (url, _asked):
        traffic.send({"cluster1": f"{url}/x"}, 50)
    assert sessions == {None: 50}
