"""The proxy that slows what the end-to-end tests slow: all that is sent arrives, late, and not while it is still."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.slow import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(4096):
            self.request.sendall(chunk)


@pytest.fixture
def echo() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def asked(port: int, words: bytes) -> tuple[bytes, float]:
    """The whole answer, and after how many seconds it came."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(words)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    return answer, time.monotonic() - began


def test_all_arrives_late(echo: int) -> None:
    words = bytes(range(256)) * 1000
    with Proxy("127.0.0.1", echo, 0.05) as proxy:
        answer, seconds = asked(proxy.port_here, words)
    assert answer == words
    assert seconds >= 0.1
    assert proxy.connections == 1


def test_nothing_passes_while_it_is_still(echo: int) -> None:
    with Proxy("127.0.0.1", echo, 0) as proxy:
        proxy.still.set()
        threading.Timer(0.4, proxy.still.clear).start()
        answer, seconds = asked(proxy.port_here, b"hello")
    assert answer == b"hello"
    assert seconds >= 0.4


def test_it_ends_with_connections_open(echo: int) -> None:
    with Proxy("127.0.0.1", echo, 60) as proxy:
        client = socket.create_connection(("127.0.0.1", proxy.port_here))
        client.sendall(b"hello")
        while not proxy.connections:
            time.sleep(0.01)
    client.close()
