"""Requests the way that people's requests come: through the ingress of each cluster."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from vmmesh.judge import Sent

AT_ONCE = 8
"""More are no sooner served where processors are few, and each takes longer, which a gate would count."""
REQUEST_SECONDS = 10.0
_LOOK_SECONDS = 0.05


class Stopped(Exception):
    """The requests were broken off, since what they were for is decided."""


def client(*, at_once: int, seconds: float) -> ClientSession:
    """Requests as many people send them, up to so many at once (0: any number), each once and for so long.

    A cookie that one answer sets would make a single session of all requests after it. The gateways are of this machine
    or network: a proxy of the environment is not for them.
    """
    session = ClientSession(
        connector=TCPConnector(limit=at_once),
        timeout=ClientTimeout(total=seconds),
        cookie_jar=DummyCookieJar(),
        trust_env=False,
    )
    # A request that is cut on a connection used before would be sent again, and nobody would know that it was lost. No
    # public option has it otherwise (``retry_persistent_connection`` in aiohttp/client.py).
    session._retry_connection = False  # pyright: ignore[reportPrivateUsage]
    return session


def send(urls: Mapping[str, str], requests: int, stop: threading.Event | None = None) -> dict[str, Sent]:
    """Sends ``requests`` to each URL, at the same time to all. Raises Stopped as soon as ``stop`` is set."""
    return asyncio.run(_send(urls, requests, stop or threading.Event()))


async def _send(urls: Mapping[str, str], requests: int, stop: threading.Event) -> dict[str, Sent]:
    failures: dict[str, Counter[str]] = {name: Counter() for name in urls}
    async with client(at_once=AT_ONCE, seconds=REQUEST_SECONDS) as session:
        rest = iter([(name, url) for _ in range(requests) for name, url in urls.items()])

        async def work() -> None:
            for name, url in rest:
                try:
                    async with session.get(url, allow_redirects=False) as answer:
                        await answer.read()
                except (ClientError, TimeoutError) as error:
                    failures[name][str(error) or type(error).__name__] += 1
                else:
                    if not 200 <= answer.status < 300:
                        failures[name][f"HTTP {answer.status}"] += 1

        working = asyncio.gather(*(work() for _ in range(AT_ONCE)))
        while not working.done():
            await asyncio.wait([working], timeout=_LOOK_SECONDS)
            if stop.is_set() and not working.done():
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working
                raise Stopped
        await working
    return {name: Sent(requests=requests, failures=failed) for name, failed in failures.items()}
