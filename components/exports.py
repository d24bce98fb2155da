"""Which services clusters tell each other of, where they hold no credentials of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.application import Application
from components.cluster import Cluster
from components.east_west_gateway import WayIn
from components.exported import Exported, ExportedArgs, Workload
from components.mesh import Mesh
from settings import VM_LABEL, Settings, VmSettings, exported_services


@dataclass(frozen=True, kw_only=True)
class Exports:
    """Declares what is exported, each service once; in the mode with remote secrets, nothing."""

    settings: Settings
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]
    gateways: Mapping[str, WayIn]
    applications: Mapping[str, Application]
    joined: Mapping[str, Sequence[pulumi.Resource]]
    """VM -> what its machines have joined by. They leave when nobody elsewhere knows them any more."""
    _vms: dict[str, Exported] = field(default_factory=dict[str, Exported], init=False)

    def of(self, service: str, after: Sequence[pulumi.Resource] = ()) -> list[pulumi.Resource]:
        """What a weight of ``service`` waits for: its pods and its VMs, as the other clusters know them.

        ``after`` are the rules by which its pods are told apart; before them, an entry of another cluster would count
        as one of the cluster that it is in.
        """
        if not self.settings.mesh.keyless or service not in exported_services(self.settings):
            return []
        vms = [self._vm(name, vm) for name, vm in self.settings.vms_of(service).items()]
        pods = [self._pods(service, after)] if service in self.settings.application else []
        return [resource for exported in (*vms, *pods) for resource in exported.declared]

    def of_all_without_routes(self) -> None:
        """Those that no route has declared."""
        for service in exported_services(self.settings):
            if service not in self.settings.routes:
                self.of(service)

    def _pods(self, name: str, after: Sequence[pulumi.Resource]) -> Exported:
        service = self.settings.application[name]
        pods = [
            Workload(name=f"{name}-{version}", labels={"app": name, "version": version}, weight=workload.replicas)
            for version, workload in service.versions.items()
            if workload.replicas
        ]
        own = [application.own[name] for application in self.applications.values() if name in application.own]
        return Exported(
            f"{name}-exported",
            ExportedArgs(
                namespace=service.namespace,
                account=name,
                workloads={cluster: pods for cluster in self.clusters if name in self.settings.services_in(cluster)},
                clusters=self.clusters,
                meshes=self.meshes,
                service={name: service.port},
                selector={"app": name},
                after=[*after, *own],
            ),
        )

    def _vm(self, name: str, vm: VmSettings) -> Exported:
        """One for all services of a VM; its own cluster's gateway is where the others call it."""
        if name not in self._vms:
            machines = Workload(name=f"vm.{name}", labels=vm.all_labels(name), weight=len(vm.all_machines(name)))
            self._vms[name] = Exported(
                f"{name}-exported-vm",
                ExportedArgs(
                    namespace=vm.namespace,
                    account=name,
                    workloads={vm.cluster: [machines]},
                    clusters=self.clusters,
                    meshes=self.meshes,
                    service={},
                    selector={VM_LABEL: name},
                    # A gateway that does not look into the VM's network yet would refuse the calls.
                    after=[*self.joined[name], *self.gateways[vm.cluster].ready],
                ),
            )
        return self._vms[name]
