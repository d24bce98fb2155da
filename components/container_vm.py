"""A virtual machine that is a Docker container."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker

from components.virtual_machine import VirtualMachine


@dataclass(frozen=True, kw_only=True)
class ContainerVmArgs:
    """What a container VM is made from."""

    name: str
    """Name of the VM: its host name, and its name in the mesh."""
    container_name: str
    image: str
    """Image with an init that runs the services of /etc/service (runit) and nothing of the sidecar."""
    network: pulumi.Input[str]
    """Docker network."""


class ContainerVm(VirtualMachine):
    """A container that acts as a VM: it boots an init, installs packages, and knows nothing of Kubernetes.

    It is not privileged. NET_ADMIN and NET_RAW let the sidecar redirect traffic, as they let Istio's init container.
    Nothing that a stage changes is in here: nearly every input of a container replaces it (kreuzwerker/docker,
    ``resource_docker_container.go``), and with it the machine.
    """

    def __init__(self, name: str, args: ContainerVmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:ContainerVm", name, None, opts)
        self.name = args.name
        container = docker.Container(
            f"{name}-container",
            name=args.container_name,
            hostname=args.name,
            image=args.image,
            capabilities={"adds": ["CAP_NET_ADMIN", "CAP_NET_RAW"]},
            networks_advanced=[{"name": args.network}],
            restart="unless-stopped",
            must_run=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.machine = container
        # Docker may give it another address whenever it starts; its name stays.
        self.host_name = args.container_name
        self.machine_id = container.id
        self.transport = pulumi.Output.from_input(f"docker exec -i {args.container_name}")
        self.register_outputs({})
