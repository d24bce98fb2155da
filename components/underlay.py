"""What lies below the mesh on a machine that runs it all."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_docker as docker


@dataclass(frozen=True, kw_only=True)
class UnderlayArgs:
    """Where kind's nodes and the container VMs live."""

    name: str
    """Name of the Docker network; one for each stack, so that stacks do not meet."""


class Underlay(pulumi.ComponentResource):
    """The Docker network on which kind's nodes and the container VMs reach each other, by address and by name."""

    network: pulumi.Output[str]

    def __init__(self, name: str, args: UnderlayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Underlay", name, None, opts)
        network = docker.Network(
            f"{name}-network", name=args.name, driver="bridge", opts=pulumi.ResourceOptions(parent=self)
        )
        # Not the input: what depends on the name must wait until the network is there.
        self.network = network.name
        self.register_outputs({"network": self.network})
