"""Workload entries that are left behind: nobody stands behind them, and callers may still be sent there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from settings import MACHINE_LABEL, VM_LABEL, Settings
from vmmesh.mesh import Mesh

CONNECTED = "istio.io/connectedAt"
KIND = "workloadentries.networking.istio.io"

Entry = Mapping[str, Any]


def stale(entries: Iterable[Entry], machines: Collection[str]) -> list[Entry]:
    """Those of a VM's entries that no machine stands behind.

    Istiod removes an entry when its agent is gone, but not one whose istiod was killed at that moment, nor one of an
    address that the machine no longer has (istio/istio#43950). A machine has one agent, and so one entry: the one that
    was connected last.
    """
    newest: dict[str, Entry] = {}
    found: list[Entry] = []
    for entry in sorted(entries, key=_connected):
        machine = entry["metadata"].get("labels", {}).get(MACHINE_LABEL, "")
        if machine not in machines:
            found.append(entry)
        elif machine in newest:
            found.append(newest[machine])
            newest[machine] = entry
        else:
            newest[machine] = entry
    return found


def remove_stale(mesh: Mesh, settings: Settings) -> list[str]:
    """Removes what is left behind in every cluster that VMs join; returns the names. Raises Unreachable."""
    removed: list[str] = []
    machines = settings.machines()
    for cluster, namespace in sorted({(vm.cluster, vm.namespace) for vm in settings.vms.values()}):
        place = f"--namespace={namespace}"
        entries = mesh.get(cluster, KIND, place, f"--selector={VM_LABEL}")["items"]
        for entry in stale(entries, machines):
            mesh.delete(cluster, KIND, place, entry["metadata"]["name"])
            removed.append(entry["metadata"]["name"])
    return removed


def _connected(entry: Entry) -> str:
    return entry["metadata"].get("annotations", {}).get(CONNECTED, "")
