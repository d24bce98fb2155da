"""What runs on nodes and machines that were started lately, after a restart of the engine say: it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from settings import SYSTEM_NAMESPACE, Settings
from toolchain.progress import Progress
from vmmesh.entries import CONNECTED
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, each, has_sidecar
from vmmesh.status import entries_of, health
from vmmesh.stragglers import await_none

LATELY = timedelta(minutes=5)
READY_SECONDS = 120.0

_Late = Callable[[str, datetime], list[str]]


def await_pods(mesh: Mesh, settings: Settings, started: Mapping[str, datetime], progress: Progress) -> None:
    """Waits until the mesh's pods in clusters whose nodes were started ``LATELY`` are ready.

    Says which are not after ``READY_SECONDS``, and goes on: the update may be what mends them. ``started`` is when each
    cluster's node was started.
    """
    _await("pods", started, lambda cluster, since: _late_pods(mesh, settings, cluster, since), progress)


def await_agents(mesh: Mesh, settings: Settings, started: Mapping[str, datetime], progress: Progress) -> None:
    """Waits as :func:`await_pods` does until the agents of machines that were started ``LATELY`` are back."""
    _await("agents", started, lambda machine, since: _late_machine(mesh, settings, machine, since), progress)


def _await(what: str, started: Mapping[str, datetime], late_at: _Late, progress: Progress) -> None:
    lately = [(name, at) for name, at in started.items() if datetime.now(UTC) - at < LATELY]

    def all_late() -> list[str]:
        return [it for found in each(lambda which: late_at(*which), lately) for it in found]

    until = f"{', '.join(name for name, _ in lately)} started lately; what serves there is to be ready again"
    late = await_none(all_late, READY_SECONDS, progress, what, until)
    if late:
        progress.say(f"not ready after {READY_SECONDS:.0f} s: {', '.join(late)}; going on; `make doctor` looks at more")


def _late_pods(mesh: Mesh, settings: Settings, cluster: str, started: datetime) -> list[str]:
    """Pods that are not ready, or not known to be since their node was started."""
    late: list[str] = []
    for namespace in (*settings.namespaces_in(cluster), SYSTEM_NAMESPACE):
        try:
            pods = mesh.get(cluster, "pods", f"--namespace={namespace}")["items"]
        except Unreachable as error:
            return [f"{cluster} ({error})"]
        late += [f"{cluster} {namespace}/{it['metadata']['name']}" for it in pods if not serves_since(it, started)]
    return late


def _late_machine(mesh: Mesh, settings: Settings, machine: str, started: datetime) -> list[str]:
    """The machine, if it is not healthy, or not known to be since it was started."""
    vm = settings.vms[settings.machines()[machine]]
    try:
        entries = entries_of(mesh, vm.cluster, vm.namespace, machine)
    except Unreachable as error:
        return [f"{machine} ({error})"]
    found = health([it for it in entries if connected_since(it, started)])
    return [] if found["healthy"] else [f"{machine} ({found['message']})"]


def serves_since(pod: Mapping[str, Any], started: datetime) -> bool:
    """Whether a pod of the mesh has become ready since its node was started; one that is to end is not waited for.

    What the API server has of before the start says nothing: until the kubelet is back, every pod is as it was.
    """
    status = pod.get("status", {})
    if "deletionTimestamp" in pod["metadata"] or status.get("phase") in ("Succeeded", "Failed") or not has_sidecar(pod):
        return True
    return any(
        it["type"] == "Ready" and it["status"] == "True" and _time(it["lastTransitionTime"]) >= _whole(started)
        for it in status.get("conditions", ())
    )


def connected_since(entry: Mapping[str, Any], started: datetime) -> bool:
    """Whether an agent has connected for this workload entry since its machine was started."""
    connected = entry["metadata"].get("annotations", {}).get(CONNECTED)
    return bool(connected) and _time(connected) >= _whole(started)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _whole(moment: datetime) -> datetime:
    """Kubernetes knows whole seconds."""
    return moment.replace(microsecond=0)
