"""What runs on nodes and machines that were started lately, after a restart of the engine say: it is waited for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from settings import MACHINE_LABEL, SYSTEM_NAMESPACE, Settings
from toolchain.progress import Progress
from vmmesh.entries import CONNECTED, KIND
from vmmesh.kubectl import Unreachable, kubectl, run, written
from vmmesh.mesh import each, has_sidecar
from vmmesh.state import kubeconfigs
from vmmesh.status import health

LATELY = timedelta(minutes=5)
READY_SECONDS = 120.0


def await_restarted(
    state: Mapping[str, Any], settings: Settings, started: Mapping[str, datetime], progress: Progress
) -> None:
    """Waits until the mesh's pods and agents on clusters and machines that were started ``LATELY`` are ready.

    Says which are not after ``READY_SECONDS``, and goes on: the update may be what mends them. ``started`` is when each
    cluster's node and each machine was started, the ``state`` has its secrets.
    """
    lately = {name: at for name, at in started.items() if datetime.now(UTC) - at < LATELY}
    if not lately:
        return
    with written(kubeconfigs(state)) as files:
        late = _late(files, settings, lately)
        if not late:
            return
        with progress.step("restart", f"{', '.join(lately)} started lately; what serves there is to be ready again"):
            deadline = time.monotonic() + READY_SECONDS
            while late and time.monotonic() < deadline:
                time.sleep(1)
                late = _late(files, settings, lately)
    if late:
        progress.say(f"not ready after {READY_SECONDS:.0f} s: {', '.join(late)}; going on; `make doctor` looks at more")


def _late(files: Mapping[str, Path], settings: Settings, started: Mapping[str, datetime]) -> list[str]:
    """Pods and machines that are not ready, or not known to be since they were started."""
    machines = settings.machines()
    asked: list[Callable[[], list[str]]] = []
    for name, at in started.items():
        if name in machines and settings.vms[machines[name]].cluster in files:
            asked.append(lambda name=name, at=at: _late_machine(files, settings, name, at))
        elif name in files:
            asked.append(lambda name=name, at=at: _late_pods(files[name], name, settings, at))
    return [it for found in each(lambda ask: ask(), asked) for it in found]


def _late_pods(kubeconfig: Path, cluster: str, settings: Settings, started: datetime) -> list[str]:
    late: list[str] = []
    for namespace in (*settings.namespaces_in(cluster), SYSTEM_NAMESPACE):
        try:
            pods = _got(kubeconfig, "pods", namespace)
        except Unreachable as error:
            return [f"{cluster} ({error})"]
        late += [f"{cluster} {namespace}/{it['metadata']['name']}" for it in pods if not serves_since(it, started)]
    return late


def _late_machine(files: Mapping[str, Path], settings: Settings, machine: str, started: datetime) -> list[str]:
    vm = settings.vms[settings.machines()[machine]]
    try:
        entries = _got(files[vm.cluster], KIND, vm.namespace, f"--selector={MACHINE_LABEL}={machine}")
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


def _got(kubeconfig: Path, kind: str, namespace: str, *which: str) -> list[dict[str, Any]]:
    words = ("get", kind, f"--namespace={namespace}", "--output=json", *which)
    return json.loads(run(kubectl(kubeconfig, *words)))["items"]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _whole(moment: datetime) -> datetime:
    """Kubernetes knows whole seconds."""
    return moment.replace(microsecond=0)
