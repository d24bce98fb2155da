"""A preview's events as an operator reads them."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tests.unit.vmmesh.support import details, step, urn
from vmmesh.changes import changes, document, show

VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"


def weights(vm1: int, cluster1: int, cluster2: int = 0, host: str = "details") -> dict[str, Any]:
    name = f"{host}.default.svc.cluster.local"
    machine = {"host": "details-vm1.virtual-machines.svc.cluster.local"}
    clusters = [{"host": name, "subset": "cluster1"}, {"host": name, "subset": "cluster2"}]
    entries = zip([machine, *clusters], [vm1, cluster1, cluster2], strict=True)
    routes = [{"destination": destination, "weight": weight} for destination, weight in entries]
    return {"spec": {"hosts": [name], "http": [{"route": routes}]}}


def moved(
    cluster: str, paths: tuple[str, ...] = ("spec.http[0].route[0].weight", "spec.http[0].route[1].weight")
) -> Any:
    return step(
        "resourcePreEvent",
        "update",
        VIRTUAL_SERVICE,
        f"details-{cluster}-weights",
        old=weights(100, 0),
        new=weights(75, 25),
        diff=paths,
        provider=f"{urn('pulumi:providers:kubernetes', f'{cluster}-kubernetes')}::some-id",
    )


def printed(*events: Any) -> str:
    console = Console(file=io.StringIO(), width=200)
    show(console, changes(events, details()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_stage_reads_as_weights_by_cluster_in_order() -> None:
    found = changes([moved("cluster2"), moved("cluster1")], details())
    assert [change.cluster for change in found] == ["cluster1", "cluster2"]
    assert found[0].before == {"vm1": 100, "cluster1": 0, "cluster2": 0}
    assert found[0].after == {"vm1": 75, "cluster1": 25, "cluster2": 0}
    assert not any(change.destroys for change in found)
    assert printed(moved("cluster1")) == "  ~ cluster1: vm1 100 -> 75, cluster1 0 -> 25\n"


def ruled(*paths: str, rule: dict[str, Any]) -> Any:
    """A change from weights alone to other weights and a rule."""
    old, new = weights(100, 0), weights(75, 25)
    new["spec"]["http"][0] |= rule
    return step("resourcePreEvent", "update", VIRTUAL_SERVICE, "details-cluster1-weights", old=old, new=new, diff=paths)


def test_rules_are_told_below_the_weights() -> None:
    mirror = {"destination": {"host": "details.default.svc.cluster.local", "subset": "cluster2"}}
    found = ruled("spec.http[0].mirrors", "spec.http[0].route[0].weight", rule={"mirrors": [mirror], "timeout": "2s"})
    (change,) = changes([found], details())
    assert change.rules == ["new: copies of 100% of the calls go to cluster2", "new: a call may take 2s"]
    assert "vm1 100 -> 75, cluster1 0 -> 25\n" in printed(found)
    assert "new: a call may take 2s\n" in printed(found)


def test_what_changes_in_no_word_is_shown_by_its_path() -> None:
    found = printed(ruled("spec.http[0].match[0].headers.a.exact", rule={}))
    assert "update VirtualService details-cluster1-weights: spec.http[0].match[0].headers.a.exact" in found


def test_what_changes_beside_weights_is_shown_as_it_is() -> None:
    assert "update VirtualService details-cluster1-weights: spec.exportTo" in printed(
        moved("cluster1", ("spec.exportTo",))
    )


def test_the_weights_of_another_route_are_not_taken_for_this_one_s() -> None:
    other = step(
        "resourcePreEvent",
        "update",
        VIRTUAL_SERVICE,
        "reviews-cluster1-weights",
        old=weights(0, 100, host="reviews"),
        new=weights(0, 0, 100, host="reviews"),
        diff=["spec.http[0].route[1].weight"],
    )
    [change] = changes([other], details())
    assert change.before is None
    assert "reviews-cluster1-weights" in printed(other)


def test_what_is_replaced_or_deleted_destroys_and_is_told_once() -> None:
    kind = "command:local:Command"
    events = [
        step("resourcePreEvent", "same", kind, "calm"),
        step("resourcePreEvent", "delete-replaced", kind, "node"),
        step("resourcePreEvent", "replace", kind, "node"),
        step("resourcePreEvent", "create-replacement", kind, "node"),
        step("resourcePreEvent", "delete", kind, "gone"),
        step("resourcePreEvent", "create", kind, "new"),
        step("resOutputsEvent", "delete", kind, "gone"),
    ]
    found = changes(events, details())
    assert [(change.operation, change.name, change.destroys) for change in found] == [
        ("delete", "gone", True),
        ("create", "new", False),
        ("replace", "node", True),
    ]


def test_nothing_is_said_to_be_nothing() -> None:
    assert printed(step("resourcePreEvent", "same", VIRTUAL_SERVICE, "x")) == "  nothing would change\n"


def test_changes_are_json() -> None:
    [change] = document(changes([moved("cluster1")], details()))
    assert change["cluster"] == "cluster1"
    assert change["after"] == {"vm1": 75, "cluster1": 25, "cluster2": 0}
    assert change["destroys"] is False
