"""What the proxies of an environment have logged of calls that failed: the report of a test that lost some needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.callers import lines
from tests.e2e.environment import Environment
from vmmesh.logs import VM_LOG
from vmmesh.mesh import SIDECAR

LINES = 60
"""As many lines as a report shows, from the first on."""
_LEFT_OUT = ("start_time", "method", "protocol", "bytes_received", "bytes_sent", "request_id")
_SIDECARS = (
    "go-template={{range .items}}{{$pod := .metadata}}{{range .spec.containers}}"
    '{{if eq .name "' + SIDECAR + '"}}{{$pod.namespace}} {{$pod.name}}{{"\\n"}}{{end}}{{end}}{{end}}'
)


def failed_calls(environment: Environment, seconds: float) -> str:
    """The access logs' lines of calls that failed in the last ``seconds``, of all proxies, in the order of time."""
    since = datetime.now(UTC) - timedelta(seconds=seconds)
    found = sorted(
        f"{line['start_time']} {place} {json.dumps(_said(line))}"
        for place, text in _logs(environment, since)
        for line in lines(text)
        if _failed(line) and datetime.fromisoformat(line["start_time"]) >= since
    )
    more = [f"and {len(found) - LINES} more"] if len(found) > LINES else []
    return "\n".join([*found[:LINES], *more])


def _logs(environment: Environment, since: datetime) -> Iterator[tuple[str, str]]:
    """The log of each proxy, by where it is."""
    for cluster in environment.outputs["urls"]:
        for pod in environment.kubectl(cluster, "get", "pod", "-A", "-o", _SIDECARS).splitlines():
            namespace, name = pod.split()
            command = ("logs", f"--namespace={namespace}", name, "-c", SIDECAR, f"--since-time={since:%FT%TZ}")
            yield f"{cluster} {name}", environment.kubectl(cluster, *command)
    for vm in environment.outputs["transports"]:
        yield vm, environment.on_vm(f"cat {VM_LOG}", vm)


def _failed(line: dict[str, Any]) -> bool:
    """An answer of 5xx, or none: 0 is of a caller that went away, and of a connection that carried no HTTP."""
    return "start_time" in line and (line["response_code"] >= 500 or line["response_flags"] not in ("-", None))


def _said(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value not in (None, "-") and name not in _LEFT_OUT}
