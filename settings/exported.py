"""What clusters that hold no credentials of each other know of each other."""

from __future__ import annotations

from settings.stack import Settings
from settings.vms import VmSettings


def exported_services(settings: Settings) -> tuple[str, ...]:
    """Services that clusters without credentials of each other know of each other, wherever these run."""
    if settings.mesh.exported is not None:
        return settings.mesh.exported
    return tuple(dict.fromkeys([*settings.routes, *(name for vm in settings.vms.values() for name in vm.services)]))


def exported_vms(settings: Settings) -> dict[str, VmSettings]:
    """VMs that run an exported service. Their Services select them by one label, so each VM is exported whole."""
    exported = set(exported_services(settings))
    return {name: vm for name, vm in settings.vms.items() if exported & vm.services.keys()}


def exporters(settings: Settings) -> list[str]:
    """Clusters that have something to tell the others of."""
    exported = set(exported_services(settings))
    homes = {name for name in settings.clusters if exported & settings.services_in(name).keys()}
    homes |= {vm.cluster for vm in exported_vms(settings).values()}
    if settings.management.all_services():
        homes.add(str(settings.management.cluster))
    return [name for name in settings.clusters if name in homes]


def networks_behind(settings: Settings, cluster: str) -> list[str]:
    """Networks whose endpoints are called through the gateway of ``cluster``: its own, and those of VMs that only this
    cluster knows."""
    networks = [settings.clusters[cluster].network]
    if settings.mesh.keyless:
        networks += [vm.network for vm in exported_vms(settings).values() if vm.cluster == cluster]
    return list(dict.fromkeys(networks))
