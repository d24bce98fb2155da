"""Requests are sent evenly, failures named, and counts taken as differences of the callers' counters."""

from __future__ import annotations

import functools
import json
from collections import Counter

import httpx
import pytest

from tests.unit.vmmesh.support import CLUSTER1, VM, details
from vmmesh import traffic, verify
from vmmesh.calls import Calls
from vmmesh.judge import Sent, judge
from vmmesh.mesh import Proxy

ONE, TWO, FRESH = (Proxy("cluster1", name, ()) for name in ("one", "two", "fresh"))
FAR = Proxy("cluster2", "far", ())


def test_requests_go_to_each_cluster_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.host] += 1
        if request.url.host == "two":
            if asked["two"] % 10 == 0:
                raise httpx.ConnectError("refused")
            return httpx.Response(503 if asked["two"] % 10 == 1 else 200)
        return httpx.Response(200)

    client = functools.partial(httpx.AsyncClient, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(httpx, "AsyncClient", client)
    sent = traffic.send({"cluster1": "http://one/x", "cluster2": "http://two/x"}, 100)
    assert asked == {"one": 100, "two": 100}
    assert sent["cluster1"] == Sent(requests=100, failures={})
    assert sent["cluster2"] == Sent(requests=100, failures={"refused": 10, "HTTP 503": 10})


def test_counts_are_differences_by_cluster_of_the_caller() -> None:
    before = {ONE: {VM: Calls(100, 1)}, TWO: {VM: Calls(5)}, FAR: {}}
    after = {
        ONE: {VM: Calls(130, 1), CLUSTER1: Calls(10)},
        TWO: {VM: Calls(5)},
        FRESH: {CLUSTER1: Calls(3)},
        FAR: {VM: Calls(7, 2), "outbound|80||other.default.svc.cluster.local": Calls(99)},
    }
    assert verify.difference(details(), before, after) == {
        "cluster1": {"vm1": Calls(30), "cluster1": Calls(13), "cluster2": Calls()},
        "cluster2": {"vm1": Calls(7, 2), "cluster1": Calls(), "cluster2": Calls()},
    }


def test_the_document_has_what_it_was_judged_by() -> None:
    counted = {"cluster1": {"vm1": Calls(750), "cluster1": Calls(250)}, "cluster2": {"cluster2": Calls(1, 1)}}
    verdict = judge(details(), counted, {"cluster1": Sent(requests=1000, failures={"HTTP 503": 1})}, 2.0)
    document = json.loads(json.dumps(verify.document("dev", [verdict])))
    assert document["passed"] is False
    [route] = document["routes"]
    assert (route["service"], route["stage"], route["passed"]) == ("details", "canary", False)
    first, second = route["clusters"]["cluster1"], route["clusters"]["cluster2"]
    assert (first["sent"], first["failed"], first["counted"], first["p_value"]) == (1000, 1, 1000, 1.0)
    assert first["destinations"]["vm1"] == {"percent": 75, "expected": 750.0, "counted": 750, "failures": 0}
    assert second["destinations"]["cluster2"] == {"percent": 0, "expected": 0.0, "counted": 1, "failures": 1}
    assert len(second["wrong"]) == 2
