"""Requests the way that people's requests come: through the ingress of each cluster."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy

import httpx

from vmmesh.judge import Sent

AT_ONCE = 16
REQUEST_SECONDS = 10.0
_LOOK_SECONDS = 0.05


class Stopped(Exception):
    """The requests were broken off, since what they were for is decided."""


def send(urls: Mapping[str, str], requests: int, stop: threading.Event | None = None) -> dict[str, Sent]:
    """Sends ``requests`` to each URL, at the same time to all. Raises Stopped as soon as ``stop`` is set."""
    return asyncio.run(_send(urls, requests, stop or threading.Event()))


async def _send(urls: Mapping[str, str], requests: int, stop: threading.Event) -> dict[str, Sent]:
    failures: dict[str, Counter[str]] = {name: Counter() for name in urls}
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
    # The requests are for gateways of this machine or network: a proxy of the environment is not for them.
    async with httpx.AsyncClient(limits=limits, timeout=REQUEST_SECONDS, trust_env=False) as client:
        # A cookie that one answer sets would make a single session of all requests after it.
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        rest = iter([(name, url) for _ in range(requests) for name, url in urls.items()])

        async def work() -> None:
            for name, url in rest:
                try:
                    answer = await client.get(url)
                except httpx.HTTPError as error:
                    failures[name][str(error) or type(error).__name__] += 1
                else:
                    if not answer.is_success:
                        failures[name][f"HTTP {answer.status_code}"] += 1

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
