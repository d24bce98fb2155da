"""A step of the bootstrap that brings a VM into the mesh."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi_command import local

from components.scripts import NOTHING
from components.virtual_machine import VirtualMachine

_FOLDER = Path("bootstrap")


def bootstrap_step(
    name: str,
    script: str | None,
    vm: VirtualMachine,
    environment: Mapping[str, pulumi.Input[str]],
    *,
    parent: pulumi.Resource,
    stdin: pulumi.Input[str] | None = None,
    after: Sequence[pulumi.Resource] = (),
    delete: str | None = None,
    goes_with_vm: bool = True,
) -> local.Command:
    """Runs ``bootstrap/<script>``, on the machine that runs Pulumi, for a VM; ``delete`` when the step is removed.

    Every step may run again at any time, so whatever changes just runs it again: its data, what it puts on the VM, or
    the VM itself. A step that ``goes_with_vm`` is not taken back on a VM that is removed, and one that is there to be
    taken back alone not on a host whose place another one takes. ``stdin`` is for secrets; ``environment`` is kept in
    the state as it is.
    """
    return local.Command(
        name,
        create=_command(script),
        # Else an edit of what is for the removal alone would count as a change to be made now.
        update=_command(script) if delete else None,
        delete=_command(delete) if delete else None,
        environment={
            "VM": vm.name,
            "TRANSPORT": vm.transport,
            # Another bootstrap is run again on the VMs that have joined by an older one.
            **({"BOOTSTRAP": _digest(script)} if script else {}),
            **environment,
        },
        stdin=stdin,
        triggers=[vm.machine_id],
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[vm.machine, *after],
            deleted_with=vm.machine if goes_with_vm else None,
            delete_before_replace=True,
            ignore_changes=None if script or not goes_with_vm else ["triggers"],
        ),
    )


def _command(script: str | None) -> str:
    return f"sh {_FOLDER}/{script}" if script else NOTHING


def _digest(script: str) -> str:
    """Changes when what the step does on the VM changes."""
    digest = hashlib.sha256()
    on_vm = _FOLDER / "vm" / script
    for path in (_FOLDER / script, on_vm, _FOLDER / "vm" / "common.sh", *sorted(on_vm.with_suffix("").glob("*.sh"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
