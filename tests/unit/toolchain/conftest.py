"""A shop with an empty cache, and a web server on this machine."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.unit.toolchain.support import Server
from toolchain.cache import Cache
from toolchain.commands import Commands
from toolchain.engine import Engine
from toolchain.mirror import Mirror
from toolchain.places import Checkout
from toolchain.recipe import Shop
from toolchain.release import Releases


@pytest.fixture
def server() -> Generator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    commands, cache = Commands(), Cache(tmp_path / "cache")
    checkout = Checkout(tmp_path / "checkout")
    return Shop(checkout, cache, commands, Releases(Mirror(), commands), Engine(cache, commands))
