"""What the values of a config must be to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.access_checks import mistakes_in_access
from settings.application import ServiceSettings, bookinfo
from settings.clusters import ExistingSettings
from settings.discovery_checks import mistakes_in_discovery
from settings.entries import at_most_one, object_in, objects_in, one_of, repeated, texts_in, unknown, value_of
from settings.extension_checks import mistakes_in_extensions
from settings.installed_checks import mistakes_in_installed
from settings.management_checks import WITHOUT, apart, mistakes_apart, mistakes_in_management
from settings.mesh import IstioSettings
from settings.mistakes import KeyPath, Mistake, did_you_mean, dotted, shown
from settings.names import NAME, UNNAMED, vm_service
from settings.routes import RouteSettings
from settings.rule_checks import RuleChecks
from settings.stack import Settings
from settings.vms import HostSettings, VmSettings


class CrossChecks:
    """What the values of a config must be to each other.

    Reads the config as it is given, not the models, which exist only if all is well: a mistake in one place
    must not hide another one elsewhere. What has the wrong type is passed over; the models report it.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.clusters, self.application, self.vms, self.routes, self.stages = (
            object_in(config.get(key)) for key in ("clusters", "application", "vms", "routes", "stages")
        )
        self.istio = object_in(config.get("istio"))
        self.mesh = object_in(config.get("mesh"))
        self.config = config
        self.access = object_in(config.get("access"))
        self.extensions = object_in(config.get("extensions"))
        self.management = object_in(config.get("management"))
        self.roots = value_of(config, "roots", Settings)
        self.replaced = config.get("allowReplace")
        networks = [value_of(config, "networks", Settings)]
        networks += [[cluster.get("network")] for cluster in objects_in(self.clusters).values()]
        self.networks = {network for names in networks for _, network in texts_in((), names)}

    def mistakes(self) -> Iterator[Mistake]:
        """Every mistake, in no order."""
        yield from self._in_istio()
        yield from self._in_roots()
        yield from self._in_clusters()
        yield from self._in_application()
        yield from self._in_vms()
        yield from self._in_host_names()
        yield from self._in_routes()
        yield from self._in_stages()
        yield from mistakes_in_discovery(self.mesh, self.clusters, self.application, self.vms, self.routes)
        yield from mistakes_in_installed(self.config)
        yield from mistakes_in_management(self.management, self.clusters)
        yield from mistakes_apart(self.clusters, self.application, self.vms, self.routes, self.extensions)
        yield from mistakes_in_access(self.access, self.application, self.vms, self._namespaces())
        yield from mistakes_in_extensions(self.extensions, self.application, self.vms, self.clusters)
        for path, name in texts_in(("allowReplace",), self.replaced):
            yield from unknown(path, name, "VM or cluster", (*self.vms, *self.clusters))

    def _in_istio(self) -> Iterator[Mistake]:
        revisions = object_in(value_of(self.istio, "revisions", IstioSettings)) or {UNNAMED: {}}
        used: list[tuple[KeyPath, object]] = [
            (("istio", "revision"), value_of(self.istio, "revision", IstioSettings)),
            (("istio", "gateways"), self.istio.get("gateways")),
        ]
        used += [(("vms", name, "revision"), vm.get("revision")) for name, vm in objects_in(self.vms).items()]
        known = self._namespaces()
        for namespace, revision in object_in(self.istio.get("namespaces")).items():
            used.append((("istio", "namespaces", namespace), revision))
            yield from unknown(("istio", "namespaces", namespace), namespace, "namespace in the mesh", known)
        for path, revision in used:
            yield from unknown(path, revision, "revision", revisions)

    def _namespaces(self) -> set[str]:
        """Namespaces whose workloads are in the mesh."""
        homes = [value_of(entry, "namespace", ServiceSettings) for entry in objects_in(self.application).values()]
        homes += [value_of(vm, "namespace", VmSettings) for vm in objects_in(self.vms).values()]
        for route in objects_in(self.routes).values():
            homes += [name for _, name in texts_in((), object_in(route.get("callers")).get("namespaces"))]
        return {home for home in homes if isinstance(home, str)}

    def _in_roots(self) -> Iterator[Mistake]:
        yield from repeated(texts_in(("roots",), self.roots), "is the same root as")

    def _in_clusters(self) -> Iterator[Mistake]:
        contexts: list[tuple[KeyPath, object]] = []
        ports: list[tuple[KeyPath, object]] = []
        for name, cluster in objects_in(self.clusters).items():
            path = ("clusters", name)
            yield from at_most_one(path, cluster, ("kind", "existing"))
            existing = object_in(cluster.get("existing"))
            if "context" in existing:
                contexts.append(((*path, "existing", "context"), f"{_source(existing)}#{existing['context']}"))
            yield from self._in_existing((*path, "existing"), existing)
            ports.append(((*path, "kind", "ingressPort"), object_in(cluster.get("kind")).get("ingressPort")))
        yield from repeated(contexts, "is the same cluster as")
        yield from repeated(ports, "is the same port as")

    def _in_existing(self, path: KeyPath, existing: Mapping[str, Any]) -> Iterator[Mistake]:
        if "stackReference" in existing and "kubeconfig" in existing:
            yield path, "has both 'kubeconfig' and 'stackReference'; keep the one that the kubeconfig is in"
        if "output" in existing and "stackReference" not in existing:
            yield (*path, "output"), "is an output of no stack; name the stack with 'stackReference'"
        gateway = object_in(existing.get("gateway"))
        kind = gateway.get("serviceType")
        if kind in ("NodePort", "ClusterIP") and gateway.get("externalIPs", []) == []:
            yield (*path, "gateway", "externalIPs"), f"is missing; nothing gives a Service of type {kind} an address"

    def _in_application(self) -> Iterator[Mistake]:
        own = bookinfo()
        for name, service in objects_in(self.application).items():
            for where, cluster in texts_in(("application", name, "clusters"), service.get("clusters")):
                yield from unknown(where, cluster, "cluster", self.clusters)
            for version, workload in objects_in(service.get("versions")).items():
                if "image" not in workload and version not in own.get(name, {}).get("versions", {}):
                    path = ("application", name, "versions", version, "image")
                    yield path, "is missing; without one there are only the images of Bookinfo's versions"

    def _in_vms(self) -> Iterator[Mistake]:
        for name in self.vms.keys() & self.clusters.keys():
            yield ("vms", name), "is also the name of a cluster; a destination needs a name of its own"
        for name, vm in objects_in(self.vms).items():
            path = ("vms", name)
            yield from unknown((*path, "cluster"), vm.get("cluster"), "cluster", self.clusters)
            network = value_of(vm, "network", VmSettings)
            yield from unknown((*path, "network"), network, "network", self.networks)
            services = objects_in(vm.get("services")).items()
            ports = [((*path, "services", service, "port"), entry.get("port")) for service, entry in services]
            yield from repeated(ports, "is the same port as")
            yield from one_of((*path, "probe"), vm.get("probe"), ("http", "tcp", "exec"))
            yield from at_most_one(path, vm, ("container", "host", "machines"))
        yield from self._in_machines()

    def _in_machines(self) -> Iterator[Mistake]:
        """Every machine is a container's or a host's name, whatever VM it belongs to."""
        names: list[tuple[KeyPath, object]] = []
        for vm, entry in objects_in(self.vms).items():
            machines = object_in(entry.get("machines"))
            places = {("vms", vm, "machines", name): machine for name, machine in machines.items()} or {
                ("vms", vm): entry
            }
            for path, machine in places.items():
                names.append((path, path[-1]))
                yield from at_most_one(path, object_in(machine), ("container", "host"))
                yield from self._captured_ssh(path, object_in(object_in(machine).get("host")), entry)
        yield from repeated(names, "has the same name as")

    def _captured_ssh(self, path: KeyPath, host: Mapping[str, Any], vm: Mapping[str, Any]) -> Iterator[Mistake]:
        """A service on the port of SSH would have the sidecar capture it, and nobody could mend that from afar."""
        for service, entry in objects_in(vm.get("services")).items():
            if host and entry.get("port") == value_of(host, "port", HostSettings):
                where = ("vms", path[1], "services", service, "port")
                yield where, f"is the port by which {dotted((*path, 'host'))} is reached; it must not be captured"

    def _in_host_names(self) -> Iterator[Mistake]:
        """A VM's service is a Kubernetes Service of its own, ``<service>-<VM>``, beside the application's."""
        places: list[tuple[KeyPath, object]] = []
        for name, service in objects_in(self.application).items():
            places.append((("application", name), f"{name}.{value_of(service, 'namespace', ServiceSettings)}"))
        for vm, entry in objects_in(self.vms).items():
            for service in object_in(entry.get("services")):
                path, host = ("vms", vm, "services", service), vm_service(service, vm)
                if NAME.fullmatch(service) and NAME.fullmatch(vm) and len(host) > 63:
                    yield path, f"{shown(host)} would name a Service, must be at most 63 characters long"
                places.append((path, f"{host}.{value_of(entry, 'namespace', VmSettings)}"))
        yield from repeated(places, "has the same name in Kubernetes as")

    def _in_routes(self) -> Iterator[Mistake]:
        services = objects_in(self.application)
        for name, route in objects_in(self.routes).items():
            path = ("routes", name)
            yield from unknown(path, name, "service in the application", self.application)
            here = value_of(route, "namespace", RouteSettings)
            home = value_of(services.get(name, {}), "namespace", ServiceSettings)
            if name in services and isinstance(here, str) and here != home:
                yield (*path, "namespace"), f"is {shown(here)}, but the service is in {shown(home)}"
            callers = object_in(route.get("callers"))
            for where, cluster in texts_in((*path, "callers", "clusters"), callers.get("clusters")):
                yield from unknown(where, cluster, "cluster", self.clusters)
            order = list(texts_in((*path, "failover"), route.get("failover")))
            for where, destination in order:
                if wrong := self._wrong_with(destination, name):
                    yield where, wrong
            yield from repeated(order, "is the same destination as")
            for stage, weights in objects_in(route.get("stages")).items():
                yield from self._in_stage(name, stage, weights)
            yield from _in_gates(path, route)
            yield from RuleChecks(name, route, self._namespaces(), self._wrong_with).mistakes()

    def _in_stage(self, service: str, stage: str, weights: Mapping[str, Any]) -> Iterator[Mistake]:
        for destination, weight in weights.items():
            wrong = self._wrong_with(destination, service)
            if wrong and weight != 0 and self.stages.get(service) == stage:
                wrong += f"; {shown(service)} is in this stage, so move to another stage first"
            if wrong:
                yield ("routes", service, "stages", stage, destination), wrong

    def _wrong_with(self, destination: str, service: str) -> str | None:
        """Why ``destination`` cannot take calls of ``service``."""
        if destination in self.vms:
            runs = object_in(self.vms[destination]).get("services")
            if isinstance(runs, dict) and service not in runs:
                hint = did_you_mean(service, object_in(runs))
                return f"VM {shown(destination)} does not run {shown(service)}{hint}"
        elif destination in apart(self.clusters):
            return f"cluster {shown(destination)} {WITHOUT}, and so is no destination"
        elif destination in self.clusters:
            entry = object_in(self.application.get(service))
            runs = entry.get("clusters")
            if entry.get("versions") == {} or (isinstance(runs, list | tuple) and destination not in runs):
                return f"cluster {shown(destination)} does not run {shown(service)}"
        else:
            known = (*self.vms, *self.clusters)
            return f"there is no VM or cluster {shown(destination)}{did_you_mean(destination, known)}"
        return None

    def _in_stages(self) -> Iterator[Mistake]:
        for name in self.stages:
            yield from unknown(("stages", name), name, "route", self.routes)
        for name, route in objects_in(self.routes).items():
            if name not in self.stages:
                yield ("stages", name), f"is missing; name the stage that {shown(name)} is in"
            elif stages := object_in(route.get("stages")):
                yield from unknown(("stages", name), self.stages[name], "stage", stages)


def _in_gates(path: KeyPath, route: Mapping[str, Any]) -> Iterator[Mistake]:
    gates = {(*path, "gate"): object_in(route.get("gate"))}
    for stage, gate in objects_in(route.get("gates")).items():
        if stages := object_in(route.get("stages")):
            yield from unknown((*path, "gates", stage), stage, "stage", stages)
        gates[*path, "gates", stage] = gate
    for where, gate in gates.items():
        for name, check in objects_in(gate.get("checks")).items():
            yield from one_of((*where, "checks", name), check, ("command", "url"))


def _source(existing: Mapping[str, Any]) -> str:
    """Where the kubeconfig of an existing cluster is."""
    if "stackReference" in existing:
        return f"{existing['stackReference']}#{value_of(existing, 'output', ExistingSettings)}"
    return str(value_of(existing, "kubeconfig", ExistingSettings))
