"""What the values of a config must be to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.access_checks import mistakes_in_access
from settings.application import ServiceSettings, bookinfo
from settings.cluster_checks import mistakes_in_clusters
from settings.discovery_checks import mistakes_in_discovery
from settings.entries import object_in, objects_in, repeated, texts_in, unknown, value_of
from settings.extension_checks import mistakes_in_extensions
from settings.installed_checks import mistakes_in_installed
from settings.management_checks import mistakes_apart, mistakes_in_management
from settings.mesh import IstioSettings
from settings.mistakes import KeyPath, Mistake
from settings.name_checks import mistakes_in_names
from settings.names import MANAGEMENT_NAMESPACE, UNNAMED
from settings.route_checks import RouteChecks
from settings.stack import Settings
from settings.vm_checks import mistakes_in_vms
from settings.vms import VmSettings


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
        namespaces, own = self._namespaces(), self._own_namespaces()
        yield from self._in_istio()
        yield from self._in_roots()
        yield from self._in_application()
        yield from mistakes_in_clusters(self.clusters)
        yield from mistakes_in_vms(self.vms, self.clusters, self.application, self.networks)
        routes = RouteChecks(self.routes, self.stages, self.application, self.vms, self.clusters, namespaces)
        yield from routes.mistakes()
        yield from mistakes_in_discovery(
            self.mesh, self.clusters, self.application, self.vms, self.routes, self.management
        )
        yield from mistakes_in_installed(self.config)
        yield from mistakes_in_management(self.management, self.clusters)
        yield from mistakes_apart(self.clusters, self.application, self.vms, self.routes, self.extensions)
        yield from mistakes_in_access(self.access, self.application, self.vms, own)
        yield from mistakes_in_extensions(self.extensions, self.application, self.vms, self.clusters)
        yield from mistakes_in_names(self.clusters, self.application, self.routes, own, self._made_roots())
        for path, name in texts_in(("allowReplace",), self.replaced):
            yield from unknown(path, name, "VM or cluster", (*self.vms, *self.clusters))

    def _in_istio(self) -> Iterator[Mistake]:
        revisions = object_in(value_of(self.istio, "revisions", IstioSettings)) or {UNNAMED: {}}
        used: list[tuple[KeyPath, object]] = [
            (("istio", "revision"), value_of(self.istio, "revision", IstioSettings)),
            (("istio", "gateways"), self.istio.get("gateways")),
        ]
        used += [(("vms", name, "revision"), vm.get("revision")) for name, vm in objects_in(self.vms).items()]
        known = self._own_namespaces()
        if self.management.get("cluster"):
            known.add(MANAGEMENT_NAMESPACE)
        for namespace, revision in object_in(self.istio.get("namespaces")).items():
            used.append((("istio", "namespaces", namespace), revision))
            yield from unknown(("istio", "namespaces", namespace), namespace, "namespace of the stack", known)
        for path, revision in used:
            yield from unknown(path, revision, "revision", revisions)

    def _namespaces(self) -> set[str]:
        """Namespaces whose workloads are in the mesh."""
        routes = objects_in(self.routes).values()
        callers = [texts_in((), object_in(route.get("callers")).get("namespaces")) for route in routes]
        return self._homes() | {name for names in callers for _, name in names}

    def _own_namespaces(self) -> set[str]:
        """Those of them that the stack makes: not those of callers, in a mesh that another has made."""
        return self._homes() if self.mesh.get("installed") is True else self._namespaces()

    def _homes(self) -> set[str]:
        """Namespaces of services and VMs."""
        homes = [value_of(entry, "namespace", ServiceSettings) for entry in objects_in(self.application).values()]
        homes += [value_of(vm, "namespace", VmSettings) for vm in objects_in(self.vms).values()]
        return {home for home in homes if isinstance(home, str)}

    def _made_roots(self) -> list[str]:
        """Roots that the program makes, as ``Settings.made_roots`` has them; none in a mesh that another has made."""
        if self.mesh.get("installed") is True:
            return []
        named = [name for _, name in texts_in((), self.roots)]
        return named or ([] if "caCertificate" in self.config else ["root"])

    def _in_roots(self) -> Iterator[Mistake]:
        yield from repeated(texts_in(("roots",), self.roots), "is the same root as")

    def _in_application(self) -> Iterator[Mistake]:
        own = bookinfo()
        for name, service in objects_in(self.application).items():
            for where, cluster in texts_in(("application", name, "clusters"), service.get("clusters")):
                yield from unknown(where, cluster, "cluster", self.clusters)
            for version, workload in objects_in(service.get("versions")).items():
                if "image" not in workload and version not in own.get(name, {}).get("versions", {}):
                    path = ("application", name, "versions", version, "image")
                    yield path, "is missing; without one there are only the images of Bookinfo's versions"
