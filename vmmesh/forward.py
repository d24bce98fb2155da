"""What listens in pods, Envoy's admin interface above all: one port-forward each, which stays open.

A `kubectl exec` for every question takes more of a machine than the mesh that it asks.
"""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import httpx

from vmmesh.kubectl import SECONDS, Unreachable, kubectl, shown

ADMIN_PORT = 15000
# kubectl ends with whoever started it, however that ends: its end of the pipe is closed then. A shell has no other way
# to wait for both, and a background process of it gets no Ctrl-C that is meant for the foreground.
_UNTIL_CLOSED = '"$@" 2>&1 </dev/null & exec >/dev/null; read -r _; kill $! 2>/dev/null'
_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")


class Forward:
    """What answers at a port of a pod, at a port of 127.0.0.1, from the first question on."""

    def __init__(self, command: Sequence[str], who: str) -> None:
        self._command = command
        self._who = who
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._client: httpx.Client | None = None

    def get(self, path: str) -> str:
        """Answer at a path. Raises Unreachable."""
        with self._lock:
            if self._client:
                try:
                    return self._ask(self._client, path)
                except Unreachable:  # a port-forward does not outlive the connection to its API server
                    self._close()
            try:
                self._client = self._open()
                return self._ask(self._client, path)
            except Unreachable:
                self._close()
                raise

    def close(self) -> None:
        """Ends the port-forward."""
        with self._lock:
            self._close()

    def _open(self) -> httpx.Client:
        self._process = process = subprocess.Popen(
            ["sh", "-c", _UNTIL_CLOSED, "sh", *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout
        impatience = threading.Timer(SECONDS, self._release)
        impatience.start()
        try:
            said = process.stdout.readline()
        finally:
            impatience.cancel()
        # What kubectl says of each connection is of no use, but a full pipe would stop it.
        threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
        if not (port := _FORWARDING.match(said)):
            raise Unreachable(f"{shown(self._command)}: {said.strip() or 'no port-forward'}")
        return httpx.Client(base_url=f"http://127.0.0.1:{port[1]}", timeout=SECONDS, trust_env=False)

    def _ask(self, client: httpx.Client, path: str) -> str:
        try:
            return client.get(f"/{path}").raise_for_status().text
        except httpx.HTTPError as error:
            raise Unreachable(f"{self._who} does not answer at {path.partition('?')[0]}: {error}") from None

    def _close(self) -> None:
        if self._client:
            self._client.close()
            self._client = None
        self._release()

    def _release(self) -> None:
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


def _drain(pipe: IO[str]) -> None:
    with pipe:
        pipe.read()


class Forwards:
    """The port-forwards that were needed so far; a context manager that ends them."""

    def __init__(self) -> None:
        self._forwards: dict[tuple[Path, str, str], Forward] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Forwards:
        return self

    def __exit__(self, *_: object) -> None:
        for forward in self._forwards.values():
            forward.close()

    def to(self, kubeconfig: Path, namespace: str, what: str, port: int = ADMIN_PORT, who: str = "Envoy") -> Forward:
        """The port-forward to a pod, as ``pod/<name>``, or to one of a deployment."""
        with self._lock:
            key = (kubeconfig, namespace, what)
            if key not in self._forwards:
                command = kubectl(kubeconfig, "port-forward", f"--namespace={namespace}", what, f":{port}")
                self._forwards[key] = Forward(command, who)
            return self._forwards[key]
