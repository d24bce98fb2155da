"""Access logs of the past, from the store of the management cluster: lines of pods and machines that are gone, too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from settings import Settings
from vmmesh.forward import Forward
from vmmesh.logs import Entry, Source

# As the proxies' own logs have them; what comes by OpenTelemetry is text.
_NUMBERS = ("response_code", "duration", "bytes_received", "bytes_sent", "attempts")
# Fields of which "-" is the value.
_DASHES = ("response_flags",)
_ADDED = ("cluster", "namespace", "workload", "app", "version", "proxy", "vm", "machine", "trace_id", "span_id")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which lines."""

    since: datetime
    until: datetime
    service: str | None = None
    trace: str | None = None
    """Trace ID, or the request ID that all calls for a request share."""
    where: tuple[tuple[str, str], ...] = ()
    """Fields and their whole values."""

    def query(self) -> str:
        """In LogsQL."""
        filters = [f"{_quoted(name)}:={_quoted(value)}" for name, value in self.where]
        if self.trace:
            filters.append(f"(trace_id:={_quoted(self.trace)} or request_id:={_quoted(self.trace)})")
        return " ".join(filters) or "*"


def read(kept: Forward, settings: Settings, wanted: Wanted) -> list[Entry]:
    """The lines, in the order of time. Raises Unreachable."""
    asked = {"query": wanted.query(), "start": wanted.since.isoformat(), "end": wanted.until.isoformat()}
    answer = kept.get(f"select/logsql/query?{urlencode(asked)}")
    return entries(settings, wanted.service, answer.splitlines())


def entries(settings: Settings, service: str | None, lines: Iterable[str]) -> list[Entry]:
    """The lines that the store has answered with. A line that it was sent twice, for an answer was lost, is one."""
    found = {entry for line in lines if line if (entry := _entry(settings, service, json.loads(line)))}
    return sorted(found)


def places(found: Sequence[Entry], known: Sequence[str]) -> list[str]:
    """Where the lines are from: first what is there now."""
    there = {entry.place for entry in found}
    return [*(name for name in known if name in there), *sorted(there - {*known})]


def _entry(settings: Settings, service: str | None, stored: Mapping[str, str]) -> Entry | None:
    place = _present(stored, "machine") or _present(stored, "cluster")
    app = _present(stored, "app")
    if place is None or app is None:
        return None
    source = Source(place=place, services=_services(settings, stored, app), only=service, command=())
    line = _line(stored)
    about = source.service(line)
    if about is None or service not in (None, *about.split("+")):
        return None
    return Entry(str(line["start_time"]), place, about, json.dumps(line))


def _services(settings: Settings, stored: Mapping[str, str], app: str) -> dict[int, str]:
    """What is served where the line is from, by port, as the config has it now; of what it knows no more, the app."""
    if vm := settings.vms.get(stored.get("vm", "")):
        return {entry.port: name for name, entry in vm.services.items()}
    if service := settings.application.get(app):
        return {service.port: app}
    kind, port, *_ = (*stored.get("upstream_cluster", "").split("|"), "")
    return {int(port) if kind == "inbound" and port.isdigit() else 0: app}


def _line(stored: Mapping[str, str]) -> dict[str, Any]:
    """The line as the proxy's own log has it, and whose it is."""
    line: dict[str, Any] = {}
    for name, text in stored.items():
        if name.startswith(("_", "scope.", "severity_")):
            continue
        value = text if name in _DASHES else _present(stored, name)
        if name in _ADDED and value is None:
            continue
        line[name] = int(value) if value is not None and name in _NUMBERS and value.isdigit() else value
    return line


def _present(stored: Mapping[str, str], name: str) -> str | None:
    """A field's value; Envoy writes "-" where there is none."""
    value = stored.get(name, "-")
    return None if value == "-" else value


def _quoted(text: str) -> str:
    return json.dumps(text)
