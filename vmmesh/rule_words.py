"""The rules of a VirtualService in words. Headers and cookies are named; what they must be is told to nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

NameOf = Callable[[Mapping[str, Any]], str]
"""Name of a destination, by its host and subset."""


def rule_words(virtual_service: Mapping[str, Any] | None, name_of: NameOf) -> list[str]:
    """A line for everything beside the weights, of the inputs of a VirtualService."""
    spec: Mapping[str, Any] = (virtual_service or {}).get("spec") or {}
    entries: list[dict[str, Any]] = spec.get("http") or []
    if not entries:
        return []
    before, divided = entries[:-1], entries[-1]
    session = _session(divided)
    lines = [line for entry in before for line in _match(entry, session[0] if session else None, name_of)]
    for mirror in divided.get("mirrors", []):
        percent = mirror.get("percentage", {}).get("value", 100)
        lines.append(f"copies of {percent:g}% of the calls go to {name_of(mirror['destination'])}")
    if session:
        lines.append(f"sessions stay with their destination for {session[1]} s, by the cookie {session[0]}")
    return [*lines, *_limits(divided)]


def told(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """What is new, and what is no longer so."""
    return [
        *(f"new: {line}" for line in after if line not in before),
        *(f"no longer: {line}" for line in before if line not in after),
    ]


def _session(divided: Mapping[str, Any]) -> tuple[str, str] | None:
    """The cookie by which sessions are known, and how many seconds it is kept."""
    for route in divided.get("route", []):
        cookie = route.get("headers", {}).get("response", {}).get("add", {}).get("set-cookie", "")
        if found := re.match(r"([-\w]+)=.*; Max-Age=(\d+)", cookie):
            return found[1], found[2]
    return None


def _match(entry: Mapping[str, Any], session: str | None, name_of: NameOf) -> Iterator[str]:
    """What goes whole to a destination, unless it is the sessions that were given it."""
    (route,) = entry["route"]
    destination = name_of(route["destination"])
    conditions: list[dict[str, Any]] = entry.get("match") or [{}]
    first = conditions[0]
    headers: dict[str, dict[str, str]] = first.get("headers", {})
    cookie = headers.get("cookie", {}).get("regex", "")
    if session and f"{re.escape(session)}={re.escape(destination)}(" in cookie:
        return
    parts = [f"with the header {name}" for name in headers if name != "cookie"]
    parts += [f"with the cookie {name[1]}" for name in [re.search(r"\)\?([-\w\\]+?)=", cookie)] if name]
    places = [condition["sourceNamespace"] for condition in conditions if "sourceNamespace" in condition]
    parts += [f"from the namespace {' or '.join(places)}"] if places else []
    parts += [f"from callers with the label {name}" for name in first.get("sourceLabels", {})]
    yield f"calls {' and '.join(parts)} go to {destination}".replace("\\", "")


def _limits(entry: Mapping[str, Any]) -> Iterator[str]:
    if timeout := entry.get("timeout"):
        yield f"a call may take {timeout}"
    if retries := entry.get("retries"):
        attempts = retries.get("attempts", 0)
        each = f", each for at most {retries['perTryTimeout']}" if "perTryTimeout" in retries else ""
        on = f", on {retries['retryOn']}" if "retryOn" in retries else ""
        times = "once" if attempts == 1 else f"{attempts} times"
        yield f"a call is tried again at most {times}{each}{on}" if attempts else "no call is tried again"
