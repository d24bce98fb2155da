"""A virtual machine that is there already, reached by SSH."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.virtual_machine import VirtualMachine
from settings import HostSettings, JumpSettings


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
        self.name = args.name
        self.transport = pulumi.Output.from_input(ssh(args.host))
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


def ssh(host: HostSettings) -> str:
    """The command line that runs a command on the host as root: OpenSSH, told all that it needs to know.

    It does not matter who runs Pulumi, but for the private key: ``~/.ssh/config`` and ``known_hosts`` are not asked.
    """
    words = ["sh", "bootstrap/ssh.sh", *_place(host)]
    if host.identity_file:
        words.append(f"identity={host.identity_file}")
    if host.jump:
        words += [f"jump-{word}" for word in _place(host.jump)]
    return " ".join([*words, "--"])


def _place(host: HostSettings | JumpSettings) -> list[str]:
    kind, key = host.host_key.split()
    return [f"address={host.address}", f"user={host.user}", f"port={host.port}", f"key={kind}:{key}"]
