"""What every VM offers to the components that bring it into the mesh, wherever it runs."""

from __future__ import annotations

import pulumi


class VirtualMachine(pulumi.ComponentResource):
    """A machine outside Kubernetes. ``ContainerVm`` is one in Docker, ``HostVm`` one that is reached by SSH."""

    name: str
    """Name of the VM in the mesh, and of the destination that it is."""
    machine: pulumi.Resource
    """The machine itself: when it goes, what was done on it goes with it."""
    machine_id: pulumi.Output[str]
    """Changes when the machine is another one, and all that was done on it is to be done again."""
    host_name: str | None
    """Name by which everything near it finds its address; None: only the machine itself knows that."""
    transport: pulumi.Output[str]
    """Command line to which a command is added to run it on the machine as root, with stdin."""
