"""What VMs must be to each other, and to what else a config has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from settings.application import ServiceSettings
from settings.entries import at_most_one, object_in, objects_in, one_of, repeated, unknown, value_of
from settings.mistakes import KeyPath, Mistake, dotted, shown
from settings.names import NAME, vm_service
from settings.vms import HostSettings, JumpSettings, VmSettings

# Beside the programs of services (``bootstrap/vm/join.sh``), and the agent's own service.
_OF_THE_BOOTSTRAP = ("bin", "docker-dns", "istio")
# useradd takes 32 characters, of which ``bootstrap/vm/serve.sh`` needs four.
_LONGEST_RUN = 28


def mistakes_in_vms(
    vms: Mapping[str, Any], clusters: Mapping[str, Any], application: Mapping[str, Any], networks: Collection[str]
) -> Iterator[Mistake]:
    """What a VM names that is not there, and what two machines or services share. As in
    :class:`settings.checks.CrossChecks`."""
    for name in vms.keys() & clusters.keys():
        yield ("vms", name), "is also the name of a cluster; a destination needs a name of its own"
    for name, vm in objects_in(vms).items():
        path = ("vms", name)
        yield from unknown((*path, "cluster"), vm.get("cluster"), "cluster", clusters)
        network = value_of(vm, "network", VmSettings)
        yield from unknown((*path, "network"), network, "network", networks)
        services = objects_in(vm.get("services")).items()
        ports = [((*path, "services", service, "port"), entry.get("port")) for service, entry in services]
        yield from repeated(ports, "is the same port as")
        for service, entry in services:
            if "command" in entry:
                yield from _in_run_service((*path, "services", service), service)
        yield from one_of((*path, "probe"), vm.get("probe"), ("http", "tcp", "exec"))
        yield from at_most_one(path, vm, ("container", "host", "machines"))
    yield from _in_machines(vms)
    yield from _in_host_names(vms, application)
    yield from _in_accounts(vms, application)
    yield from _taken_for_pods(vms, application)


def _in_run_service(path: KeyPath, name: str) -> Iterator[Mistake]:
    """On its machine, the name of a service that is run there is a user's, a program's and one that the init knows."""
    if name in _OF_THE_BOOTSTRAP:
        yield path, "has the name of what the bootstrap itself puts on a machine; with a command it needs another one"
    if NAME.fullmatch(name) and len(name) > _LONGEST_RUN:
        yield path, f"must be at most {_LONGEST_RUN} characters long with a command, which the user svc-... runs"


def _in_machines(vms: Mapping[str, Any]) -> Iterator[Mistake]:
    """Every machine is a container's or a host's name, whatever VM it belongs to."""
    names: list[tuple[KeyPath, object]] = []
    hosts: list[tuple[KeyPath, object]] = []
    for vm, entry in objects_in(vms).items():
        machines = object_in(entry.get("machines"))
        places = {("vms", vm, "machines", name): machine for name, machine in machines.items()} or {("vms", vm): entry}
        for path, machine in places.items():
            names.append((path, path[-1]))
            host = object_in(object_in(machine).get("host"))
            yield from at_most_one(path, object_in(machine), ("container", "host"))
            yield from _captured_ssh(path, host, entry)
            if "address" in host:
                hosts.append(((*path, "host", "address"), _reached(host)))
    yield from repeated(names, "has the same name as")
    yield from repeated(hosts, "is the same machine as")


def _reached(host: Mapping[str, Any]) -> str:
    """Where a host is reached. Behind another jump host, an address may be another host's."""
    jump = object_in(host.get("jump"))
    ways = [(host, HostSettings), *([(jump, JumpSettings)] if jump else [])]
    return " ".join(f"{way.get('address')}:{value_of(way, 'port', model)}" for way, model in ways)


def _captured_ssh(path: KeyPath, host: Mapping[str, Any], vm: Mapping[str, Any]) -> Iterator[Mistake]:
    """A service on the port of SSH would have the sidecar capture it, and nobody could mend that from afar."""
    for service, entry in objects_in(vm.get("services")).items():
        if host and entry.get("port") == value_of(host, "port", HostSettings):
            where = ("vms", path[1], "services", service, "port")
            yield where, f"is the port by which {dotted((*path, 'host'))} is reached; it must not be captured"


def _in_host_names(vms: Mapping[str, Any], application: Mapping[str, Any]) -> Iterator[Mistake]:
    """A VM's service is a Kubernetes Service of its own, ``<service>-<VM>``, beside the application's."""
    places: list[tuple[KeyPath, object]] = []
    for name, service in objects_in(application).items():
        places.append((("application", name), f"{name}.{value_of(service, 'namespace', ServiceSettings)}"))
    for vm, entry in objects_in(vms).items():
        for service in object_in(entry.get("services")):
            path, host = ("vms", vm, "services", service), vm_service(service, vm)
            if NAME.fullmatch(service) and NAME.fullmatch(vm) and len(host) > 63:
                yield path, f"{shown(host)} would name a Service, must be at most 63 characters long"
            places.append((path, f"{host}.{value_of(entry, 'namespace', VmSettings)}"))
    yield from repeated(places, "has the same name in Kubernetes as")


def _in_accounts(vms: Mapping[str, Any], application: Mapping[str, Any]) -> Iterator[Mistake]:
    """A VM and a service of the application have a service account of their name, and Kubernetes makes ``default``."""
    places: list[tuple[KeyPath, object]] = []
    for key, entries, model in (("application", application, ServiceSettings), ("vms", vms, VmSettings)):
        for name, entry in objects_in(entries).items():
            places.append(((key, name), f"{name}.{value_of(entry, 'namespace', model)}"))
            if name == "default":
                yield (key, name), "has the name of the service account that every namespace has; give it another one"
    yield from repeated(places, "has the same service account in Kubernetes as")


def _taken_for_pods(vms: Mapping[str, Any], application: Mapping[str, Any]) -> Iterator[Mistake]:
    """A service's Kubernetes Service selects by the label ``app`` in its namespace: pods, and workload entries too."""
    services = objects_in(application)
    for vm, entry in objects_in(vms).items():
        app = object_in(entry.get("labels")).get("app", next(iter(object_in(entry.get("services"))), None))
        home = value_of(entry, "namespace", VmSettings)
        if isinstance(app, str) and app in services and home == value_of(services[app], "namespace", ServiceSettings):
            yield (
                ("vms", vm, "namespace"),
                f"is that of the service {shown(app)}, whose calls the VM would take as one of its pods, whatever the "
                "weights; give the VM another one, or another labels.app",
            )
