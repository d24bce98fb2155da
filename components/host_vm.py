"""A virtual machine that is there already, reached by SSH."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.virtual_machine import VirtualMachine
from settings import HostSettings


@dataclass(frozen=True, kw_only=True)
class HostVmArgs:
    """Which host it is, and how it is reached."""

    name: str
    """Name of the machine in the mesh."""
    host: HostSettings


class HostVm(VirtualMachine):
    """Any Linux machine with systemd or runit, and a way in by SSH. The program neither makes nor removes it."""

    def __init__(self, name: str, args: HostVmArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:HostVm", name, None, opts)
        self.name, self.host_name = args.name, None
        self.transport = pulumi.Output.from_input(args.host.transport())
        # What is done on a machine is to be done again on another one that has its address.
        machine = local.Command(
            f"{name}-machine",
            create="sh bootstrap/identify.sh",
            environment={"VM": args.name, "TRANSPORT": self.transport},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.machine = machine
        self.machine_id = machine.stdout
        self.register_outputs({})
