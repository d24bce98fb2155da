"""A TCP proxy that is slow, or still for a while, and the way of having clients go through it without their knowing."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import TracebackType

import pytest

CHUNK = 64 * 1024


class Proxy:
    """Passes connections to ``host`` and ``port`` on, and each chunk of either direction after ``delay`` seconds.

    Use it as a context manager; ``port_here`` of 127.0.0.1 is where it listens. While ``still`` is set, nothing passes.
    """

    def __init__(self, host: str, port: int, delay: float) -> None:
        self.still = threading.Event()
        self.connections = 0
        self.port_here = 0
        self._host, self._port, self._delay = host, port, delay
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        self._end = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port_here = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # the loop closes connections after those who used them are done

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        with suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection(self._host, self._port)
            with suppress(OSError, asyncio.CancelledError):
                await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
            back.close()
        writer.close()
        self._tasks.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(self._delay)
            while self.still.is_set():
                await asyncio.sleep(0.05)
            writer.write(chunk)
            await writer.drain()
        with suppress(OSError):
            writer.write_eof()


@contextmanager
def in_the_way(port: int, proxy: Proxy) -> Generator[None]:
    """Whoever connects to a port of 127.0.0.1 on this machine is connected to the proxy."""
    rule = ("OUTPUT", "-p", "tcp", "-d", "127.0.0.1", "--dport", str(port), "-j", "REDIRECT")
    ends = ("--to-ports", str(proxy.port_here))
    put = subprocess.run(["iptables", "-w", "-t", "nat", "-I", *rule, *ends], capture_output=True, check=False)
    if put.returncode:
        pytest.skip(f"this user cannot redirect connections: {put.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["iptables", "-w", "-t", "nat", "-D", *rule, *ends], capture_output=True, check=True)
