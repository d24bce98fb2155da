"""Where a mesh differs from its config."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pulumi.automation import EngineEvent
from rich.console import Console

from tests.unit.vmmesh.support import details, event_of, settings, step, urn
from vmmesh.drift import (
    Difference,
    changed,
    differing,
    document,
    in_lines,
    misrouted,
    restaged,
    show,
    unapplied,
)
from vmmesh.mesh import Proxy
from vmmesh.routes import applied_route
from vmmesh.routing import Routing

VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"
PROVIDER = f"{urn('pulumi:providers:kubernetes', 'cluster2-kubernetes')}::id"
STAGES = {"details": "canary"}


def refreshed(operation: str, old: Any, new: Any) -> EngineEvent:
    return step("resOutputsEvent", operation, VIRTUAL_SERVICE, "details-weights", old=old, new=new, provider=PROVIDER)


def weights(*values: int) -> dict[str, Any]:
    return {"spec": {"http": [{"route": [{"weight": value} for value in values]}]}}


def test_config_that_no_update_has_applied_is_told_with_its_stage() -> None:
    event = step(
        "resourcePreEvent", "update", VIRTUAL_SERVICE, "w", old={"a": 1}, new={"a": 2}, diff=["a"], provider=PROVIDER
    )
    found = unapplied([event, step("resourcePreEvent", "same", "a:b:C", "x")], {"details": "vm-only"}, settings())
    assert [(it.where, it.cluster, it.name) for it in found] == [
        ("config", None, "details"),
        ("config", "cluster2", "w"),
    ]
    assert found[0].what == "is in stage canary, applied is vm-only"
    assert found[1].what == "an update would update this VirtualService (a)"
    assert unapplied([step("resourcePreEvent", "same", "a:b:C", "x")], STAGES, settings()) == []


def test_an_object_that_others_have_changed_is_told_with_the_paths() -> None:
    (found,) = changed([refreshed("update", weights(75, 25), weights(0, 100))])
    assert (found.where, found.cluster, found.name) == ("object", "cluster2", "details-weights")
    assert found.what == "this VirtualService was changed: spec.http[0].route[0].weight, spec.http[0].route[1].weight"


def test_an_object_that_is_gone_is_told() -> None:
    (found,) = changed([refreshed("delete", weights(100), None)])
    assert found.what == "this VirtualService is gone"


def test_what_a_refresh_finds_as_it_was_is_no_drift() -> None:
    """Even where outputs, such as a status, are others."""
    assert (
        changed([refreshed("refresh", weights(100), weights(100)), refreshed("update", weights(100), weights(100))])
        == []
    )


def test_paths_at_which_values_differ() -> None:
    old = {"same": 1, "gone": 1, "deep": {"list": [1, {"x": 2}], "longer": [1]}}
    new = {"same": 1, "new": 1, "deep": {"list": [1, {"x": 3}], "longer": [1, 2]}}
    assert sorted(differing(old, new)) == ["deep.list[1].x", "deep.longer", "gone", "new"]


@pytest.mark.parametrize(
    ("old", "new"), [({}, {"__defaults": ["x"]}), ({"drops": []}, {}), ({"drops": None}, {"drops": []})]
)
def test_a_providers_notes_and_another_kind_of_nothing_are_no_difference(old: Any, new: Any) -> None:
    assert list(differing(old, new)) == []


def test_a_proxy_with_other_routes_is_told_with_both() -> None:
    have = {
        Proxy("cluster1", "default/right", str): Routing(percents=details().percents),
        Proxy("cluster2", "default/wrong", str): Routing(percents={"vm1": 100, "cluster1": 0, "cluster2": 0}),
        Proxy("cluster2", "default/none", str): None,
    }
    found = misrouted(details(), have)
    assert [it.name for it in found] == ["default/wrong", "default/none"]
    assert found[0].what == "divides calls of details as vm1 100%, not vm1 75%, cluster1 25%"
    assert "as no route" in found[1].what
    assert misrouted(None, have) == []


def test_proxies_are_held_to_the_stage_that_is_applied_and_not_to_an_edit() -> None:
    late = {Proxy("cluster1", "default/late", str): Routing(percents={"vm1": 100, "cluster1": 0, "cluster2": 0})}
    assert misrouted(applied_route(settings(), details(), "vm-only"), late) == []
    assert applied_route(settings(), details(), "gone") is None
    assert applied_route(settings(), details(), None) is None


def test_the_same_difference_of_many_places_is_one_line() -> None:
    found = [
        Difference(where="proxy", cluster="cluster1", name=f"default/{number}", what="has no route")
        for number in range(5)
    ]
    assert in_lines([*found, *restaged("details", "canary", None)]) == [
        "cluster1 default/0, cluster1 default/1, cluster1 default/2 and 2 more: has no route",
        "details: is in stage canary, applied is none",
    ]


def test_what_is_printed_says_what_to_do_once_for_each_kind() -> None:
    def printed(*found: Difference) -> str:
        console = Console(file=io.StringIO(), width=200)
        show(console, "dev", found)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    difference = Difference(where="object", cluster="cluster1", name="details", what="this VirtualService is gone")
    said = printed(difference, difference)
    assert said.count("  object: cluster1 details: this VirtualService is gone\n") == 2
    assert said.count("pulumi refresh") == 1
    assert printed() == "dev is as its config says\n"
    assert document("dev", [difference])["drifted"]
    assert not document("dev", [])["drifted"]


def test_the_engine_says_what_kind_of_event_it_is() -> None:
    """An event without metadata is passed over."""
    assert changed([event_of({"sequence": 1, "timestamp": 1, "cancelEvent": {}})]) == []
