"""Counts are differences of the callers' counters."""

from __future__ import annotations

import io
import json
from dataclasses import replace

from rich.console import Console

from tests.unit.vmmesh.support import CLUSTER1, CLUSTER2, VM, details, ruled
from vmmesh import verify
from vmmesh.calls import Calls
from vmmesh.counting import Counted, counted, of_all_callers
from vmmesh.judge import Sent, judge
from vmmesh.mesh import Proxy

ONE, TWO, FRESH = (Proxy("cluster1", name, str) for name in ("one", "two", "fresh"))
FAR = Proxy("cluster2", "far", str)


def test_counts_are_differences_by_cluster_of_the_caller() -> None:
    before = {ONE: {VM: Calls(100, 1)}, TWO: {VM: Calls(5)}, FAR: {}}
    after = {
        ONE: {VM: Calls(130, 1), CLUSTER1: Calls(10)},
        TWO: {VM: Calls(5)},
        FRESH: {CLUSTER1: Calls(3)},
        FAR: {VM: Calls(7, 2), "outbound|80||other.default.svc.cluster.local": Calls(99)},
    }
    assert counted(details(), before, after).calls == {
        "cluster1": {"vm1": Calls(30), "cluster1": Calls(13), "cluster2": Calls()},
        "cluster2": {"vm1": Calls(7, 2), "cluster1": Calls(), "cluster2": Calls()},
    }


def test_what_came_beside_the_weights_is_counted_beside_them() -> None:
    batch = Proxy("cluster1", "batch/night", str, "batch", {"app": "night"})
    tester = {"headers": {"end-user": "jason"}, "destination": "cluster1"}
    night = {"namespaces": ["batch"], "destination": "vm1"}
    after = {ONE: {VM: Calls(10), CLUSTER1: Calls(1), CLUSTER2: Calls(5)}, batch: {VM: Calls(3), CLUSTER1: Calls(2)}}
    route = ruled({"vm1": 100}, match=[tester, night], mirror={"cluster2": 50})
    found = counted(route, {}, after)
    assert found.calls == {"cluster1": {"vm1": Calls(10)}}
    assert found.matched == {"cluster1": {"cluster1": Calls(3), "vm1": Calls(3)}}
    assert found.copies == {"cluster1": {"cluster2": Calls(5)}}
    together = of_all_callers(route, found.calls, found.matched)
    assert together == {"vm1": Calls(13), "cluster1": Calls(3), "cluster2": Calls()}


def test_where_a_route_is_not_there_is_no_rule() -> None:
    route = replace(ruled({"vm1": 100}, mirror={"cluster2": 50}), clusters=["cluster1"])
    assert counted(route, {}, {FAR: {CLUSTER2: Calls(5)}}).calls["cluster2"]["cluster2"] == Calls(5)


def test_copies_and_matches_have_rows_and_entries_of_their_own() -> None:
    route = ruled({"vm1": 100}, mirror={"cluster2": 50}, match=[{"headers": {"a": "b"}, "destination": "cluster1"}])
    after = {ONE: {VM: Calls(10), CLUSTER1: Calls(1), CLUSTER2: Calls(5, 1)}}
    verdict = judge(route, counted(route, {}, after), {}, 2.0)
    of_cluster = verify.document("dev", [verdict])["routes"][0]["clusters"]["cluster1"]
    assert of_cluster["counted"] == 10
    assert of_cluster["copies"] == {"cluster2": {"percent": 50, "counted": 5, "failures": 1}}
    assert of_cluster["matched"] == {"cluster1": {"counted": 1, "failures": 0}}
    console = Console(file=io.StringIO(), width=120)
    verify.show(console, [verdict])
    assert isinstance(console.file, io.StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["cluster1", "cluster2", "(copies)", "50%", "5", "5", "50.0%", "1"] in lines
    assert ["cluster1", "cluster1", "(matched)", "-", "-", "1", "-", "0"] in lines


def test_the_document_has_what_it_was_judged_by() -> None:
    calls = {"cluster1": {"vm1": Calls(750), "cluster1": Calls(250)}, "cluster2": {"cluster2": Calls(1, 1)}}
    verdict = judge(details(), Counted(calls=calls), {"cluster1": Sent(requests=1000, failures={"HTTP 503": 1})}, 2.0)
    document = json.loads(json.dumps(verify.document("dev", [verdict])))
    assert document["passed"] is False
    [route] = document["routes"]
    assert (route["service"], route["stage"], route["passed"]) == ("details", "canary", False)
    first, second = route["clusters"]["cluster1"], route["clusters"]["cluster2"]
    assert (first["sent"], first["failed"], first["counted"], first["p_value"]) == (1000, 1, 1000, 1.0)
    assert first["destinations"]["vm1"] == {"percent": 75, "expected": 750.0, "counted": 750, "failures": 0}
    assert second["destinations"]["cluster2"] == {"percent": 0, "expected": 0.0, "counted": 1, "failures": 1}
    assert len(second["wrong"]) == 2
