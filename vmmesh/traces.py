"""The way of a call through proxies, from the trace store of the management cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmmesh.forward import Forward
from vmmesh.stackfile import Misuse

# As long as the store keeps them (``components/stores.py``).
_KEPT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Hop:
    """A proxy that a call has passed: its span."""

    depth: int
    """How many hops the call came by before."""
    start: int
    """Microseconds since 1970."""
    microseconds: int
    place: str
    """Machine, or cluster."""
    service: str
    """Whose proxy it is."""
    kind: str
    """``server``: it took the call for its workload; ``client``: it made it."""
    method: str
    path: str
    status: str


def trace_id(kept: Forward, name: str, now: datetime) -> str:
    """The trace of a trace ID or a request ID. Raises Misuse if there is none, Unreachable."""
    if re.fullmatch(r"[0-9a-f]{16}|[0-9a-f]{32}", name, re.ASCII):
        return name
    tags = json.dumps({"guid:x-request-id": name})
    window = {"start": _micro(now - _KEPT), "end": _micro(now)}
    for service in _data(kept, "api/services"):
        asked = urlencode({"service": service, "tags": tags, "limit": 1, **window})
        for found in _data(kept, f"api/traces?{asked}"):
            return str(found["traceID"])
    raise _none(name)


def hops(kept: Forward, trace: str) -> list[Hop]:
    """Its hops, each behind the one that called it. Raises Misuse if there is no such trace, Unreachable."""
    for found in _data(kept, f"api/traces/{quote(trace)}?raw=true"):
        return list(_ordered(found))
    raise _none(trace)


def show(console: Console, found: Sequence[Hop]) -> None:
    """Prints them, with when each began and how long it took, in milliseconds."""
    first = min(hop.start for hop in found)
    table = Table(box=None, pad_edge=False)
    for head in ("hop", "place", "what", "status"):
        table.add_column(head, overflow="fold")
    for head in ("at ms", "took ms"):
        table.add_column(head, justify="right")
    for hop in found:
        verb = {"server": "takes", "client": "calls"}.get(hop.kind, hop.kind)
        table.add_row(
            Text(f"{'  ' * hop.depth}{hop.service} {verb}"),
            Text(hop.place),
            Text(f"{hop.method} {hop.path}"),
            Text(hop.status, style="red" if hop.status.startswith(("5", "0")) else ""),
            f"{(hop.start - first) / 1000:.1f}",
            f"{hop.microseconds / 1000:.1f}",
        )
    console.print(table)


def document(stack: str, trace: str, found: Sequence[Hop]) -> dict[str, Any]:
    """The trace as JSON."""
    fields = ("depth", "start", "microseconds", "place", "service", "kind", "method", "path", "status")
    return {"stack": stack, "trace": trace, "hops": [{name: getattr(hop, name) for name in fields} for hop in found]}


def _data(kept: Forward, path: str) -> list[Any]:
    return json.loads(kept.get(path))["data"] or []


def _ordered(trace: Mapping[str, Any]) -> Iterator[Hop]:
    """Depth first, in the order of time. A span whose parent is not kept begins a way of its own."""
    spans: list[dict[str, Any]] = sorted(trace["spans"], key=lambda span: span["startTime"])
    known = {span["spanID"] for span in spans}
    children: dict[str | None, list[dict[str, Any]]] = {}
    for span in spans:
        parents = [it["spanID"] for it in span["references"] if it["spanID"] in known]
        children.setdefault(parents[0] if parents else None, []).append(span)

    def below(parent: str | None, depth: int) -> Iterator[Hop]:
        for span in children.get(parent, ()):
            yield _hop(span, trace["processes"], depth)
            yield from below(span["spanID"], depth + 1)

    return below(None, 0)


def _hop(span: Mapping[str, Any], processes: Mapping[str, Any], depth: int) -> Hop:
    tags = {tag["key"]: str(tag["value"]) for tag in span["tags"]}
    present = {key: value for key, value in tags.items() if value not in ("", "-")}
    return Hop(
        depth=depth,
        start=span["startTime"],
        microseconds=span["duration"],
        place=present.get("machine") or present.get("cluster", "?"),
        service=present.get("app") or str(processes[span["processID"]]["serviceName"]),
        kind=present.get("span.kind", "?"),
        method=present.get("http.method", "?"),
        path=urlsplit(present.get("http.url", "")).path or "/",
        status=present.get("http.status_code", "?"),
    )


def _micro(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _none(name: str) -> Misuse:
    return Misuse(
        f"there is no trace {name}",
        "spans come a few seconds after the call; management.traces.sampling says how many calls are traced",
    )
