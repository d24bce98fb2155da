"""What the way in which clusters learn of each other must be to the rest of a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.entries import object_in, objects_in, repeated, texts_in, unknown, value_of
from settings.mesh import MeshSettings
from settings.mistakes import KeyPath, Mistake, shown
from settings.names import METRICS_SERVICE
from settings.vms import VmSettings

_MODE = "mesh.discovery serviceEntries"


def mistakes_in_discovery(
    mesh: Mapping[str, Any],
    clusters: Mapping[str, Any],
    application: Mapping[str, Any],
    vms: Mapping[str, Any],
    routes: Mapping[str, Any],
    management: Mapping[str, Any],
) -> Iterator[Mistake]:
    """What is exported and does not exist or is missing, and what clusters without credentials of each other need.

    As in :class:`settings.checks.CrossChecks`.
    """
    path: KeyPath = ("mesh", "exported")
    exported = list(texts_in(path, mesh.get("exported")))
    on_vms = {name for vm in objects_in(vms).values() for name in object_in(vm.get("services"))}
    services = {*application, *on_vms}
    for where, service in exported:
        yield from unknown(where, service, "service in the application or on a VM", services)
    yield from repeated(exported, "is the same service as")
    discovery = value_of(mesh, "discovery", MeshSettings)
    if discovery == "remoteSecrets" and "exported" in mesh:
        yield path, "is of no use with mesh.discovery remoteSecrets, where clusters know every service; remove it"
    if discovery != "serviceEntries":
        return
    names = {*routes, *on_vms}
    if isinstance(mesh.get("exported"), list | tuple):
        names = {name for _, name in exported}
        for service in services & routes.keys() - names:
            yield path, f"lacks {shown(service)}, which has a route, so that other clusters must know it"
    if METRICS_SERVICE in application and METRICS_SERVICE in names and "metrics" in management:
        yield (
            ("application", METRICS_SERVICE),
            f"is what the metrics are exported as with {_MODE}; give it another name",
        )
    yield from _in_networks(clusters, vms)
    for name, cluster in objects_in(clusters).items():
        gateway = object_in(object_in(cluster.get("existing")).get("gateway"))
        balanced = gateway.get("serviceType") not in ("NodePort", "ClusterIP")  # these need externalIPs in any mode
        if "existing" in cluster and balanced and "address" not in gateway and gateway.get("externalIPs", []) == []:
            yield (
                ("clusters", name, "existing", "gateway", "address"),
                f"is missing; with {_MODE} the other clusters are told the gateway's address, and cannot look it up",
            )


def _in_networks(clusters: Mapping[str, Any], vms: Mapping[str, Any]) -> Iterator[Mistake]:
    """A cluster's pods are told apart, and reached, by their network alone."""
    networks = {name: cluster.get("network") for name, cluster in objects_in(clusters).items()}
    places: list[tuple[KeyPath, object]] = [(("clusters", name, "network"), it) for name, it in networks.items()]
    yield from repeated(places, f"must be a network of its own with {_MODE}, and is the same as")
    for name, vm in objects_in(vms).items():
        network = value_of(vm, "network", VmSettings)
        if network in networks.values() and network != networks.get(str(vm.get("cluster")), network):
            home = shown(vm.get("cluster"))
            yield (
                ("vms", name, "network"),
                f"is that of another cluster than {home}, by which it is called with {_MODE}",
            )
