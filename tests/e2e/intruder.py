"""Knocks at ports. A program of its own: it is run in the network of a node, which is beside the mesh and not in it.

stdin, in JSON: ``targets`` ([host, port] each), ``paths``, ``sni``, and ``identities``, name -> [certificates, key]
(paths of files), or null for a client that has none; ``plain`` is one that speaks no TLS. stdout: a line of JSON for
each attempt.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

SECONDS = 3.0
MOST = 1 << 20
ALPN = ["istio-http/1.1", "istio", "http/1.1"]
CLOSED, CUT, ANSWERS = "closed", "cut", "answers"
"""No connection; one that ends without a word, or with TLS' word that the caller is not let in; data."""


def attempt(host: str, port: int, path: str, sni: str, who: str, identity: list[str] | None) -> dict[str, Any]:
    """One request of one caller."""
    found: dict[str, Any] = {"host": host, "port": port, "path": path, "who": who, "status": None, "data": ""}
    try:
        connection = socket.create_connection((host, port), timeout=SECONDS)
    except OSError:
        return {**found, "what": CLOSED}
    with connection:
        try:
            data = ask(connection if who == "plain" else wrapped(connection, sni, identity), path)
        except OSError:  # ssl.SSLError is one
            data = b""
    text = data.decode(errors="replace")
    status = re.match(r"HTTP/1\.[01] (\d{3})", text)
    return {**found, "what": ANSWERS if data else CUT, "status": int(status[1]) if status else None, "data": text}


def wrapped(connection: socket.socket, sni: str, identity: list[str] | None) -> ssl.SSLSocket:
    """The connection in TLS, whoever answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(ALPN)
    if identity:
        context.load_cert_chain(*identity)
    return context.wrap_socket(connection, server_hostname=sni)


def ask(connection: socket.socket, path: str) -> bytes:
    """What a server says to a request, until it ends, says nothing for a while, or has said too much."""
    with connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: details.default\r\nConnection: close\r\n\r\n".encode())
        said = b""
        try:
            while len(said) < MOST and (chunk := connection.recv(1 << 16)):
                said += chunk
        except OSError:
            if not said:
                raise
        return said


def main() -> None:
    given = json.load(sys.stdin)
    knocks = itertools.product(given["targets"], given["paths"], given["identities"].items())
    with ThreadPoolExecutor(32) as pool:
        waiting = [
            pool.submit(attempt, host, port, path, given["sni"], who, identity)
            for (host, port), path, (who, identity) in knocks
        ]
        for it in waiting:
            print(json.dumps(it.result()))


if __name__ == "__main__":
    main()
