"""What a picture shows of a config and of what was observed."""

from __future__ import annotations

import pytest

from settings import Settings
from tests.unit.vmmesh.picture.samples import BARE, MANY, TALK, config, verdict
from vmmesh.calls import Calls
from vmmesh.picture.shown import Destination, Gateway, Health, Kind, Panel, Seen, Zone
from vmmesh.picture.topology import picture

STAGES = {"both": {"vm1": 75, "a": 25}}


def panel_of(
    *,
    networks: dict[str, str],
    vm: str = "vm-network",
    callers: dict[str, list[str]] | None = None,
    discovery: str = "remoteSecrets",
) -> Panel:
    settings = config(clusters=networks, vms={"vm1": {"network": vm}}, stages=STAGES, callers=callers)
    settings = settings.model_copy(update={"mesh": settings.mesh.model_copy(update={"discovery": discovery})})
    (panel,) = picture("dev", settings, ["details"]).panels
    return panel


def zone_of(panel: Panel, name: str) -> Zone:
    return next(zone for cluster in panel.zones for zone in (cluster, *cluster.vms) if zone.name == name)


def share_of(panel: Panel, name: str) -> Destination:
    share = zone_of(panel, name).destination
    assert share
    return share


@pytest.mark.parametrize(
    ("networks", "callers", "gateway"),
    [
        ({"a": "one"}, ["a"], Gateway.NONE),
        ({"a": "one", "b": "one"}, ["a", "b"], Gateway.NONE),
        ({"a": "one", "b": "two"}, ["a", "b"], Gateway.SOME),
        ({"a": "one", "b": "two"}, ["a"], Gateway.NONE),
        ({"a": "one", "b": "two"}, ["b"], Gateway.ALL),
    ],
)
def test_callers_of_other_networks_come_through_the_gateway(
    networks: dict[str, str], callers: list[str], gateway: Gateway
) -> None:
    panel = panel_of(networks=networks, callers={"clusters": callers, "namespaces": ["default"]})
    assert share_of(panel, "a").gateway is gateway


def test_a_vm_that_calls_counts_as_a_caller_of_its_network() -> None:
    panel = panel_of(networks={"a": "one"}, callers={"namespaces": ["virtual-machines"]})
    assert zone_of(panel, "vm1").callers == ["virtual-machines"]
    assert share_of(panel, "a").gateway is Gateway.SOME


def test_a_vm_s_network_has_a_gateway_if_a_cluster_is_in_it() -> None:
    outside = panel_of(networks={"a": "one"}, callers={"namespaces": ["default"]})
    assert not zone_of(outside, "vm1").gateway
    assert share_of(outside, "vm1").gateway is Gateway.NONE
    inside = panel_of(
        networks={"a": "one", "b": "two"}, vm="two", callers={"clusters": ["a"], "namespaces": ["default"]}
    )
    assert zone_of(inside, "vm1").gateway
    assert share_of(inside, "vm1").gateway is Gateway.ALL


@pytest.mark.parametrize(
    ("callers", "gateway"), [(["a"], Gateway.NONE), (["b"], Gateway.ALL), (["a", "b"], Gateway.SOME)]
)
def test_without_keys_other_clusters_come_to_a_vm_through_the_gateway_of_its_own(
    callers: list[str], gateway: Gateway
) -> None:
    who = {"clusters": callers, "namespaces": ["default"]}
    panel = panel_of(networks={"a": "one", "b": "two"}, callers=who, discovery="serviceEntries")
    assert share_of(panel, "vm1").gateway is gateway


def test_clusters_without_callers_of_the_route_have_none() -> None:
    panel = panel_of(networks={"a": "one", "b": "two"}, callers={"clusters": ["a"], "namespaces": ["default"]})
    assert zone_of(panel, "a").callers == ["default"]
    assert zone_of(panel, "b").callers is None


def test_vms_are_below_the_cluster_that_they_joined_through() -> None:
    (panel,) = picture("dev", MANY, ["details"]).panels
    assert [len(zone.vms) for zone in panel.zones] == [10, 10, 10, 0, 0, 0]
    assert {vm.kind for zone in panel.zones for vm in zone.vms} == {Kind.VM}


def test_another_stage_shows_what_would_change() -> None:
    (panel,) = picture("dev", TALK, ["details"], stages={"details": "spread"}).panels
    assert (panel.stage, panel.now) == ("spread", "vm-only")
    shares = {name: share_of(panel, name) for name in ("vm1", "cluster1", "cluster2")}
    assert {name: (share.now, share.percent) for name, share in shares.items()} == {
        "vm1": (100, 50),
        "cluster1": (0, 25),
        "cluster2": (0, 25),
    }
    (panel,) = picture("dev", TALK, ["details"], stages={"details": "vm-only"}).panels
    assert panel.now is None
    assert share_of(panel, "vm1").now is None


def test_observed_are_the_calls_of_all_callers_together() -> None:
    counted = {
        "cluster1": {"vm1": Calls(60), "cluster1": Calls(30, 3), "elsewhere": Calls(10)},
        "cluster2": {"vm1": Calls(100)},
    }
    (panel,) = picture("dev", TALK, ["details"], verdicts=[verdict(TALK, counted)]).panels
    assert share_of(panel, "vm1").seen == Seen(calls=160, failed=0, percent=80.0)
    assert share_of(panel, "cluster1").seen == Seen(calls=30, failed=3, percent=15.0)
    assert share_of(panel, "cluster2").seen == Seen(calls=0, failed=0, percent=0.0)
    assert panel.counted
    assert (panel.counted.calls, panel.counted.elsewhere, panel.counted.passed) == (200, 10, False)


def test_without_calls_nothing_is_observed_or_judged() -> None:
    (panel,) = picture("dev", TALK, ["details"], verdicts=[verdict(TALK, {})]).panels
    assert share_of(panel, "vm1").seen is None
    assert panel.counted
    assert panel.counted.passed is None


@pytest.mark.parametrize(
    ("state", "good", "words"),
    [
        ({"registered": True, "healthy": True}, True, "healthy"),
        ({"registered": True, "healthy": False}, False, "not healthy"),
        ({"registered": False, "healthy": False}, False, "not registered"),
    ],
)
def test_a_vm_is_as_status_says(state: dict[str, bool], good: bool, words: str) -> None:
    vm = {"name": "vm1", "vm": "vm1", "message": "why", **state}
    (panel,) = picture("dev", TALK, ["details"], vms=[vm]).panels
    health = zone_of(panel, "vm1").health
    assert health
    assert (health.good, health.words, health.details) == (good, words, "why")


@pytest.mark.parametrize(
    ("healthy", "good", "words", "details"),
    [
        ([True, True], True, "healthy", ""),
        ([True, False], False, "1 of 2 machines healthy", "vm1-b: its probe fails"),
    ],
)
@pytest.mark.parametrize("settings", [TALK, BARE])
def test_a_vm_of_several_machines_is_as_all_of_them(
    settings: Settings, healthy: list[bool], good: bool, words: str, details: str
) -> None:
    vms = [
        {"name": name, "vm": "vm1", "registered": True, "healthy": well, "message": "" if well else "its probe fails"}
        for name, well in zip(("vm1-a", "vm1-b"), healthy, strict=True)
    ]
    (panel,) = picture("dev", settings, list(settings.routes), vms=vms).panels
    assert zone_of(panel, "vm1").health == Health(good=good, words=words, details=details)
