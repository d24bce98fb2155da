"""The knocks of the end-to-end tests tell what answers from what does not, and who is let in."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.e2e import forged
from tests.e2e.intruder import ANSWERS, CLOSED, CUT, attempt
from tests.e2e.listening import ports_of, ports_of_ss

NAME = "spiffe://cluster.local/ns/default/sa/x"


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        pass


class Quiet(HTTPServer):
    def handle_error(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        pass


@pytest.fixture(params=[False, True], ids=["plain", "mutual"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[int, forged.Authority | None]]:
    """A server in plain text, or one that asks for certificates of an authority."""
    with Quiet(("127.0.0.1", 0), Hello) as server:
        own = forged.foreign() if request.param else None
        if own:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*forged.identity(tmp_path, "server", NAME, own))
            context.load_verify_locations(cadata=own.chain.decode())
            context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], own
        server.shutdown()


def test_who_is_let_in_and_who_is_not(server: tuple[int, forged.Authority | None], tmp_path: Path) -> None:
    port, own = server
    other = forged.foreign()
    guises = {
        "plain": None,
        "nobody": None,
        "foreign": forged.identity(tmp_path, "foreign", NAME, other),
        "expired": forged.identity(tmp_path, "expired", NAME, own or other, ended=forged.HOUR),
        "welcome": forged.identity(tmp_path, "welcome", NAME, own or other),
    }
    found = {who: attempt("127.0.0.1", port, "/", "x", who, files) for who, files in guises.items()}
    let_in = "welcome" if own else "plain"
    assert {who: it["what"] for who, it in found.items()} == {who: ANSWERS if who == let_in else CUT for who in guises}
    assert (found[let_in]["status"], "hello" in found[let_in]["data"]) == (200, True)


def test_a_port_that_nobody_has_is_closed() -> None:
    assert attempt("127.0.0.1", 1, "/", "x", "plain", None)["what"] == CLOSED


def test_ports_are_read_off_the_kernel_s_tables() -> None:
    tables = """  sl  local_address rem_address   st tx_queue
   0: 00000000:2378 00000000:0000 0A 00000000:00000000
   1: 0100007F:3A98 0100007F:9999 01 00000000:00000000
  sl  local_address                         remote_address st
   0: 00000000000000000000000000000000:3AAD 00000000000000000000000000000000:0000 0A 00000000"""
    assert ports_of(tables) == {9080, 15021}
    assert ports_of_ss("LISTEN 0 4096 0.0.0.0:15021 0.0.0.0:*\nLISTEN 0 128 [::]:22 [::]:*\n") == {22, 15021}
