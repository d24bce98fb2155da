"""From a config, and from what was counted, to what a picture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from settings import Settings, VmSettings
from vmmesh.judge import Verdict
from vmmesh.picture.shown import Counted, Destination, Gateway, Health, Kind, Panel, Picture, Seen, Zone
from vmmesh.routes import ELSEWHERE, Route, route_of


def picture(
    stack: str,
    settings: Settings,
    services: Sequence[str],
    *,
    stages: Mapping[str, str] | None = None,
    config: Mapping[str, str] | None = None,
    verdicts: Sequence[Verdict] = (),
    vms: Sequence[Mapping[str, Any]] = (),
    moment: str | None = None,
) -> Picture:
    """The picture of some routes of a stack.

    ``settings`` names the stages that are in place; ``stages`` those to draw instead, ``config`` those that the
    config has. ``verdicts`` and ``vms`` are what was counted, and what ``status`` says of the VMs' machines.
    """
    drawn = settings.model_copy(update={"stages": {**settings.stages, **(stages or {})}})
    judged = {verdict.route.service: verdict for verdict in verdicts}
    states = {
        name: _health(of) for name in settings.vms if (of := [machine for machine in vms if machine["vm"] == name])
    }
    panels = [
        _panel(settings, route_of(drawn, service), judged.get(service), states, (config or {}).get(service))
        for service in services
    ]
    if not settings.routes:
        panels = [_bare(settings, states)]
    return Picture(stack=stack, moment=moment, panels=panels)


def _panel(
    settings: Settings, route: Route, verdict: Verdict | None, states: Mapping[str, Health], config: str | None
) -> Panel:
    now = settings.stages[route.service]
    before = settings.weights(route.service) if now != route.stage else None
    seen, counted = _seen(verdict) if verdict else ({}, None)
    vms_that_call = [
        name for name, vm in settings.vms.items() if vm.cluster in route.clusters and vm.namespace in route.namespaces
    ]
    callers = {settings.clusters[name].network for name in route.clusters} | {
        settings.vms[name].network for name in vms_that_call
    }
    gateways = {cluster.network for cluster in settings.clusters.values()}

    def destination(name: str, gateway: Gateway) -> Destination:
        return Destination(
            percent=route.percents.get(name, 0),
            now=None if before is None else before.get(name, 0),
            seen=seen.get(name),
            gateway=gateway,
        )

    def way_to(network: str) -> Gateway:
        return _way(callers, network) if network in gateways else Gateway.NONE

    def way_to_vm(vm: VmSettings) -> Gateway:
        # The other clusters know of it only what its own has told them: the way through that one's gateway.
        told = settings.mesh.keyless and vm.network not in gateways
        return _way(set(route.clusters), vm.cluster) if told else way_to(vm.network)

    def vm_zone(name: str) -> Zone:
        vm = settings.vms[name]
        return Zone(
            name=name,
            kind=Kind.VM,
            network=vm.network,
            gateway=vm.network in gateways,
            callers=[vm.namespace] if name in vms_that_call else None,
            destination=destination(name, way_to_vm(vm)) if route.service in vm.services else None,
            health=states.get(name),
        )

    zones: list[Zone] = []
    for name, cluster in settings.clusters.items():
        if not cluster.application:
            continue
        serves = route.service in settings.services_in(name)
        vms = [vm_zone(vm) for vm, entry in settings.vms.items() if entry.cluster == name]
        zones.append(
            Zone(
                name=name,
                kind=Kind.CLUSTER,
                network=cluster.network,
                gateway=True,
                callers=list(route.namespaces) if name in route.clusters else None,
                destination=destination(name, way_to(cluster.network)) if serves else None,
                vms=[zone for zone in vms if zone.callers or zone.destination],
            )
        )
    return Panel(
        service=route.service,
        stage=route.stage,
        now=now if now != route.stage else None,
        config=config if config != route.stage else None,
        zones=zones,
        counted=counted,
    )


def _way(callers: Set[str], home: str) -> Gateway:
    """Who comes through the gateway of a place, if callers at home go around it."""
    if callers == {home}:
        return Gateway.NONE
    return Gateway.SOME if home in callers else Gateway.ALL


def _bare(settings: Settings, states: Mapping[str, Health]) -> Panel:
    gateways = {cluster.network for cluster in settings.clusters.values()}

    def zone(name: str, kind: Kind, network: str, vms: Sequence[Zone] = ()) -> Zone:
        return Zone(
            name=name,
            kind=kind,
            network=network,
            gateway=network in gateways,
            callers=None,
            destination=None,
            vms=vms,
            health=states.get(name),
        )

    zones = [
        zone(
            name,
            Kind.CLUSTER,
            cluster.network,
            [zone(vm, Kind.VM, entry.network) for vm, entry in settings.vms.items() if entry.cluster == name],
        )
        for name, cluster in settings.clusters.items()
    ]
    return Panel(service=None, stage=None, now=None, config=None, zones=zones, counted=None)


def _seen(verdict: Verdict) -> tuple[dict[str, Seen], Counted]:
    """What was counted at each destination by all callers together, and in all."""
    calls: dict[str, int] = {}
    failed: dict[str, int] = {}
    for cluster in verdict.clusters:
        for name, count in cluster.calls.items():
            calls[name] = calls.get(name, 0) + count.total
            failed[name] = failed.get(name, 0) + count.failed
    total = sum(calls.values())
    elsewhere = calls.pop(ELSEWHERE, 0)
    found = {
        name: Seen(calls=count, failed=failed[name], percent=100 * count / total)
        for name, count in calls.items()
        if total
    }
    judged = verdict.passed if total or any(failed.values()) else None
    return found, Counted(calls=total, seconds=verdict.seconds, elsewhere=elsewhere, passed=judged)


def _health(machines: Sequence[Mapping[str, Any]]) -> Health:
    """How the VM of these machines is."""
    if len(machines) == 1:
        (vm,) = machines
        words = "healthy" if vm["healthy"] else "not healthy" if vm["registered"] else "not registered"
        return Health(good=bool(vm["healthy"]), words=words, details=vm["message"])
    healthy = sum(bool(machine["healthy"]) for machine in machines)
    words = "healthy" if healthy == len(machines) else f"{healthy} of {len(machines)} machines healthy"
    details = "; ".join(f"{machine['name']}: {machine['message']}" for machine in machines if machine["message"])
    return Health(good=healthy == len(machines), words=words, details=details)
