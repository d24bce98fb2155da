"""A stack's whole config."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field
from pydantic.alias_generators import to_camel

from settings.access import AccessSettings
from settings.application import ServiceSettings
from settings.clusters import ClusterSettings
from settings.extensions import ExtensionSettings
from settings.management import ManagementSettings
from settings.mesh import CaSettings, IstioSettings, MeshSettings, MirrorSettings
from settings.model import Model
from settings.names import MANAGEMENT_NAMESPACE
from settings.routes import RouteSettings
from settings.rules import RuleSettings
from settings.values import Certificates, DockerNetwork, Name
from settings.vms import VmSettings


class Settings(Model):
    """A stack's whole config, checked. ``stages`` names the stage that each route is in."""

    mesh: MeshSettings = MeshSettings()
    istio: IstioSettings = IstioSettings()
    mirror: MirrorSettings = MirrorSettings()
    ca: CaSettings | None = None
    ca_trusted: Certificates | None = None
    """Roots that are trusted beside the one that signs, while a change of the root goes on."""
    roots: tuple[Name, ...] = ()
    """Roots that the program makes, all of them trusted; the first one signs where there is no ``ca``.
    None: one, or none at all where there is a ``ca``."""
    clusters: Annotated[dict[Name, ClusterSettings], Field(min_length=1)]
    networks: tuple[Name, ...] = ("vm-network",)
    """Networks that have no cluster, and so no gateway."""
    docker_network: DockerNetwork | None = None
    """Docker network that is there, for all that runs in Docker; default: one is made for the stack."""
    application: dict[Name, ServiceSettings]
    vms: dict[Name, VmSettings] = {}
    routes: dict[Name, RouteSettings] = {}
    stages: dict[str, str] = {}
    access: AccessSettings = AccessSettings()
    extensions: dict[Name, ExtensionSettings] = {}
    management: ManagementSettings = ManagementSettings()
    allow_replace: tuple[str, ...] = ()
    """VMs and clusters that the next update may make anew."""

    def application_clusters(self) -> list[str]:
        """Clusters that take part in the application: destinations and callers of routes, homes of VMs."""
        return [name for name, cluster in self.clusters.items() if cluster.application]

    def callers(self, route: str) -> list[str]:
        """Clusters whose callers follow ``route``."""
        return list(self.routes[route].callers.clusters or self.application_clusters())

    def vms_of(self, service: str) -> dict[str, VmSettings]:
        """VMs that run ``service``."""
        return {name: vm for name, vm in self.vms.items() if service in vm.services}

    def machines(self) -> dict[str, str]:
        """Machine -> the VM that it is one of."""
        return {machine: name for name, vm in self.vms.items() for machine in vm.all_machines(name)}

    def weights(self, route: str) -> dict[str, int]:
        """Destination -> percent of the stage that ``route`` is in, zeros included."""
        return dict(self.routes[route].stages[self.stages[route]])

    def rule(self, route: str) -> RuleSettings:
        """How the calls of ``route`` are treated in the stage that it is in."""
        return self.routes[route].rule_in(self.stages[route])

    def ports(self, route: str) -> dict[str, int]:
        """Destination -> port of its Service, for every VM and cluster that calls of ``route`` can go to."""
        vms = {name: vm.services[route].port for name, vm in self.vms_of(route).items()}
        return vms | dict.fromkeys(self.application_clusters(), self.application[route].port)

    def extensions_on(self, vm: str) -> dict[str, ExtensionSettings]:
        """The extensions of a VM's proxy."""
        cluster = self.vms[vm].cluster
        return {name: it for name, it in self.extensions.items() if it.is_for_vm(vm) and it.runs_in(cluster)}

    def namespaces(self) -> list[str]:
        """Namespaces whose workloads are in the mesh, in every cluster that takes part in the application."""
        callers = [name for route in self.routes.values() for name in route.callers.namespaces or ()]
        return sorted({*self._homes(), *callers, *([MANAGEMENT_NAMESPACE] if self.management.cluster else [])})

    def namespaces_in(self, cluster: str) -> list[str]:
        """Those of them that the stack makes in ``cluster``: not those of callers, in a mesh that another has made."""
        if not self.clusters[cluster].application:
            return [MANAGEMENT_NAMESPACE] if self.management.cluster else []
        return sorted(self._homes()) if self.mesh.installed else self.namespaces()

    def _homes(self) -> set[str]:
        """Namespaces of services and VMs."""
        return {home.namespace for home in (*self.application.values(), *self.vms.values())}

    def networks_of_one(self) -> set[str]:
        """Networks that hold one cluster and no other.

        None is known to, in a mesh that is another stack's: clusters that this one does not know may be in it. Where
        clusters know each other by entries, each has to have a network of its own.
        """
        if self.mesh.installed and not self.mesh.keyless:
            return set()
        clusters = Counter(cluster.network for cluster in self.clusters.values())
        return {network for network, count in clusters.items() if count == 1}

    def services(self) -> list[str]:
        """All services, those that VMs alone run too."""
        return list(dict.fromkeys((*self.application, *(name for vm in self.vms.values() for name in vm.services))))

    def called_ports(self, vm: str) -> dict[str, int]:
        """Service of a VM -> the port at which it is called: a route leads to it at the port of the application's."""
        services = self.vms[vm].services
        return {
            name: self.application[name].port if name in self.application else service.port
            for name, service in services.items()
        }

    def made_roots(self) -> tuple[str, ...]:
        """Names of the roots that the program makes: one, unless the config says otherwise or has a CA of its own."""
        return self.roots or (() if self.ca else ("root",))

    def services_in(self, cluster: str) -> dict[str, ServiceSettings]:
        """Services of the application that run in ``cluster``."""
        return {
            name: service
            for name, service in self.application.items()
            if self.clusters[cluster].application and (service.clusters is None or cluster in service.clusters)
        }


# Pulumi encrypts whole keys, so the CA's two halves are two keys; here they are one thing.
CA = {"caCertificate": "certificate", "caKey": "key"}
KEYS = (*(to_camel(name) for name in Settings.model_fields if name != "ca"), *CA)
"""Keys of the stack's config, without the project's name."""
