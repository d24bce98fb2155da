"""A VM's part in the mesh: who its machines are, where they run, and what they have joined by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.east_west_gateway import WayIn
from components.infrastructure import Infrastructure
from components.mesh import Mesh
from components.onboarding import Onboarding, OnboardingArgs
from components.virtual_machine import VirtualMachine
from components.workload_group import WorkloadGroup, WorkloadGroupArgs
from settings import Settings, SidecarSettings


@dataclass(frozen=True, kw_only=True)
class Member:
    """What of a VM is declared: its group in the clusters, and each of its machines, brought into that group."""

    group: WorkloadGroup
    machines: Mapping[str, VirtualMachine]
    joined: list[pulumi.Resource]
    """What the machines have joined by."""

    @classmethod
    def brought_in(
        cls,
        name: str,
        settings: Settings,
        infrastructure: Infrastructure,
        clusters: Mapping[str, Cluster],
        meshes: Mapping[str, Mesh],
        gateways: Mapping[str, WayIn],
    ) -> Member:
        """Declares the VM ``name`` of the config; ``clusters`` are those that take part in the application."""
        vm, package = settings.vms[name], infrastructure.tools.sidecar_package
        group = WorkloadGroup(
            name,
            WorkloadGroupArgs(
                name=name,
                vm=vm,
                clusters=clusters,
                meshes=meshes,
                ports=settings.called_ports(name),
            ),
        )
        machines: dict[str, VirtualMachine] = {}
        joined: list[pulumi.Resource] = []
        for machine_name, machine in vm.all_machines(name).items():
            machines[machine_name] = infrastructure.machine(machine_name, machine)
            onboarding = Onboarding(
                machine_name,
                OnboardingArgs(
                    machine=machines[machine_name],
                    name=name,
                    vm=vm,
                    group=group,
                    cluster=clusters[vm.cluster],
                    istio=meshes[vm.cluster],
                    gateway=gateways[vm.cluster],
                    mesh=settings.mesh,
                    package=vm.sidecar or SidecarSettings(package=package.path, sha256=package.sha256),
                    extensions=settings.extensions_on(name),
                ),
            )
            joined += onboarding.joined
        return cls(group=group, machines=machines, joined=joined)
