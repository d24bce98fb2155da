"""The hops of a call, in order, from what the trace store answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from vmmesh.forward import Forward
from vmmesh.stackfile import Misuse
from vmmesh.traces import document, hops, show, trace_id

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Store:
    """A trace store with these answers, by the beginning of the path."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def get(self, path: str) -> str:
        self.asked.append(path)
        name = "services" if path.startswith("api/services") else "one" if "?raw" in path else "found"
        return json.dumps({"data": self.answers.get(name)})

    @property
    def forward(self) -> Forward:
        return cast(Forward, self)


def span(number: int, start: int, parent: int | None, app: str, kind: str, **tags: str) -> dict[str, Any]:
    own = {"span.kind": kind, "app": app, "cluster": "cluster1", "machine": "-", "http.method": "GET", **tags}
    own |= {"http.url": "http://details:9080/details/0?x=1", "http.status_code": tags.get("status", "200")}
    return {
        "spanID": str(number),
        "startTime": 1_000_000 + start,
        "duration": 10_000 - start,
        "processID": "p1",
        "references": [] if parent is None else [{"refType": "CHILD_OF", "spanID": str(parent)}],
        "tags": [{"key": key, "value": value} for key, value in own.items()],
    }


CALL = {
    "traceID": TRACE,
    "processes": {"p1": {"serviceName": "front.default"}},
    "spans": [
        span(4, 3000, 3, "details", "server", machine="vm1", status="503"),
        span(2, 1000, 1, "productpage", "server"),
        span(1, 0, None, "istio-ingressgateway", "client"),
        span(3, 2000, 2, "productpage", "client"),
        span(5, 4000, 2, "productpage", "client"),
        span(9, 500, 8, "-", "server"),
    ],
}


def test_hops_are_behind_who_called_them_and_a_vm_is_one() -> None:
    found = hops(Store(one=[CALL]).forward, TRACE)
    assert [(hop.depth, hop.service, hop.kind, hop.place) for hop in found] == [
        (0, "istio-ingressgateway", "client", "cluster1"),
        (1, "productpage", "server", "cluster1"),
        (2, "productpage", "client", "cluster1"),
        (3, "details", "server", "vm1"),
        (2, "productpage", "client", "cluster1"),
        (0, "front.default", "server", "cluster1"),
    ]


def test_they_are_shown_with_the_time_that_they_took() -> None:
    console = Console(file=StringIO(), width=100, highlight=False)
    show(console, hops(Store(one=[CALL]).forward, TRACE))
    assert isinstance(console.file, StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["details", "takes", "vm1", "GET", "/details/0", "503", "3.0", "7.0"] in lines


def test_a_request_id_leads_to_its_trace() -> None:
    store = Store(services=["a", "b"], found=[CALL])
    assert trace_id(store.forward, "6160334b-3578-9c59-a52c-750390291bb1", NOW) == TRACE
    assert "guid%3Ax-request-id" in store.asked[1]


def test_a_trace_id_is_not_looked_for() -> None:
    store = Store()
    assert trace_id(store.forward, TRACE, NOW) == TRACE
    assert store.asked == []


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(Misuse, match="no trace"):
        trace_id(Store(services=["a"], found=[]).forward, "6160334b", NOW)
    with pytest.raises(Misuse, match="no trace"):
        hops(Store(one=[]).forward, TRACE)


def test_as_json() -> None:
    found = document("dev", TRACE, hops(Store(one=[CALL]).forward, TRACE))
    assert (found["trace"], found["hops"][3]["place"], found["hops"][3]["microseconds"]) == (TRACE, "vm1", 7000)
