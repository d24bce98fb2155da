"""The clusters and machines that the mesh is built on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pulumi

from components.cluster import Cluster
from components.container_vm import ContainerVm, ContainerVmArgs
from components.existing_cluster import ExistingCluster, ExistingClusterArgs
from components.host_vm import HostVm, HostVmArgs
from components.kind_cluster import KindCluster, KindClusterArgs
from components.underlay import Underlay, UnderlayArgs
from components.virtual_machine import VirtualMachine
from settings import ClusterSettings, ContainerSettings, KindSettings, MachineSettings
from toolchain.artifacts import Artifacts


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """Declares a cluster or a machine as the config describes it: as one that is there, or as one in Docker."""

    stack: str
    """Begins the names of all that is made in Docker, so that stacks do not meet."""
    docker_network: str | None
    """Network of what runs in Docker; None: one of the stack's own."""
    tools: Artifacts

    def cluster(self, name: str, cluster: ClusterSettings) -> Cluster:
        """One that is there, or one that kind makes."""
        if existing := cluster.existing:
            return ExistingCluster(name, ExistingClusterArgs(name=name, network=cluster.network, existing=existing))
        return KindCluster(
            name,
            KindClusterArgs(
                name=name,
                kind_name=f"{self.stack}-{name}",
                network=cluster.network,
                docker_network=self._network,
                kind=cluster.kind or KindSettings(),
                node_image=self.tools.images["node"],
                node_config=self.tools.kind_config,
                images=self.tools.local_images,
            ),
        )

    def machine(self, name: str, machine: MachineSettings) -> VirtualMachine:
        """One that is there, or a container that acts as one."""
        if machine.host:
            return HostVm(name, HostVmArgs(name=name, host=machine.host))
        image = (machine.container or ContainerSettings()).image or self.tools.images["vm"]
        container = f"{self.stack}-{name}"
        return ContainerVm(
            name, ContainerVmArgs(name=name, container_name=container, image=image, network=self._network)
        )

    @cached_property
    def _network(self) -> pulumi.Output[str]:
        """Made by the first that asks: where nothing runs in Docker, there is none."""
        if self.docker_network:
            return pulumi.Output.from_input(self.docker_network)
        return Underlay("underlay", UnderlayArgs(name=self.stack)).network
