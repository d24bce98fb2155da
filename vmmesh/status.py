"""How the routes and the VMs are: what is meant to be, and what is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from rich.console import Console
from rich.table import Table
from rich.text import Text

from settings import MACHINE_LABEL, Settings
from vmmesh import route_status
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, each
from vmmesh.routes import route_of

CERTIFICATE = "/etc/certs/cert-chain.pem"
_VERSION = (
    "dpkg-query --show --showformat='${Version}' istio-sidecar 2>/dev/null || "
    "rpm --query --queryformat '%{VERSION}' istio-sidecar"
)
_TROUBLE = (
    "pgrep -x pilot-agent >/dev/null || { echo 'its agent does not run'; exit; }; "
    "grep -E '(error|warn)' /var/log/istio/istio.log | tail -n 1 | cut -c 1-300"
)


def status(mesh: Mesh, settings: Settings, applied: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """State of every route, by the calls that pass in ``seconds``, and of every machine, as JSON.

    ``applied`` names the stages that the last update has put in place. Raises Unreachable if a cluster does
    not answer; of a machine that does not, the state says so.
    """
    routes = [route_of(settings, service) for service in settings.routes]
    before = each(mesh.counts, routes)
    started = time.monotonic()
    vms = machines(mesh, settings)
    time.sleep(max(0.0, seconds - (time.monotonic() - started)))
    window = round(time.monotonic() - started, 1)
    return {
        "routes": route_status.states(mesh, settings, routes, applied, before, window),
        "vms": vms,
    }


def machines(mesh: Mesh, settings: Settings) -> list[dict[str, Any]]:
    """State of every machine, as JSON. Raises as :func:`status` does."""
    found = settings.machines()
    return each(lambda name: _machine(mesh, settings, found[name], name), found)


def _machine(mesh: Mesh, settings: Settings, vm: str, name: str) -> dict[str, Any]:
    place = settings.vms[vm]
    entries = entries_of(mesh, place.cluster, place.namespace, name)
    found: dict[str, Any] = {"name": name, "vm": vm, "cluster": place.cluster} | health(entries)
    found |= {"entries": [entry["metadata"]["name"] for entry in entries], "certificate_expires": None, "version": None}
    try:
        expires = expiry(mesh.on_machine(name, "cat", CERTIFICATE))
        found["certificate_expires"] = expires.isoformat()
        found["version"] = mesh.on_machine(name, "sh", "-c", _VERSION).strip()
    except (Unreachable, ValueError) as error:
        found["message"] = found["message"] or str(error)
        return found
    if expires < datetime.now(UTC):
        found["message"] = f"its certificate has expired; `make rejoin MACHINE={name}` brings it back"
    elif not found["registered"]:
        found["message"] += why_not(mesh, name)
    return found


def entries_of(mesh: Mesh, cluster: str, namespace: str, machine: str) -> list[dict[str, Any]]:
    """The workload entries of a machine. Raises Unreachable."""
    selector = f"--selector={MACHINE_LABEL}={machine}"
    return mesh.get(cluster, "workloadentries.networking.istio.io", f"--namespace={namespace}", selector)["items"]


def why_not(mesh: Mesh, machine: str) -> str:
    """What the machine's agent says last of its trouble, as the end of a message."""
    try:
        said = mesh.on_machine(machine, "sh", "-c", _TROUBLE).strip()
    except Unreachable as error:
        return f"; {error}"
    return f"; {said}" if said else ""


def health(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a machine's WorkloadEntries say: ``registered``, ``healthy``, and why not in ``message``.

    An entry that is declared is there whether its agent is connected or not; istiod writes down who controls it.
    """
    connected = [entry for entry in entries if "istio.io/disconnectedAt" not in _annotations(entry)]
    connected = [entry for entry in connected if "istio.io/workloadController" in _annotations(entry)]
    if not connected:
        return {"registered": False, "healthy": False, "message": "its agent is not connected to istiod"}
    conditions = [
        condition
        for entry in connected
        for condition in entry.get("status", {}).get("conditions", [])
        if condition["type"] == "Healthy"
    ]
    if not conditions:
        return {"registered": True, "healthy": False, "message": "its probe has not answered yet"}
    healthy = all(condition["status"] == "True" for condition in conditions)
    message = next((c.get("message", "") for c in conditions if c["status"] != "True"), "").strip()
    return {
        "registered": True,
        "healthy": healthy,
        "message": "" if healthy else message or "its probe fails",
    }


def _annotations(entry: Mapping[str, Any]) -> Mapping[str, str]:
    return entry.get("metadata", {}).get("annotations", {})


def expiry(chain: str) -> datetime:
    """When the first certificate of a PEM chain expires. Raises ValueError if it is none."""
    return validity(chain)[1]


def validity(chain: str) -> tuple[datetime, datetime]:
    """From when to when the first certificate of a PEM chain is valid. Raises ValueError if it is none."""
    certificate = x509.load_pem_x509_certificate(chain.encode())
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def show(console: Console, document: Mapping[str, Any]) -> None:
    """Prints the state as tables."""
    vms = Table(box=None, pad_edge=False)
    for heading in ("machine", "VM", "joined", "registered", "healthy", "certificate expires", "sidecar"):
        vms.add_column(heading)
    for vm in document["vms"]:
        vms.add_row(
            vm["name"],
            vm["vm"],
            vm["cluster"],
            _yes(vm["registered"]),
            _yes(vm["healthy"]),
            _in_future(vm["certificate_expires"]),
            vm["version"] or "-",
        )
    route_status.show(console, document["routes"])
    if document["vms"]:
        console.print()
        console.print(vms)
    for vm in document["vms"]:
        if vm["message"]:
            console.print(Text(f"{vm['name']}: {vm['message']}", style="red"), soft_wrap=True)


def _yes(value: bool) -> Text:
    return Text("yes", style="green") if value else Text("no", style="bold red")


def _in_future(moment: str | None) -> Text:
    if moment is None:
        return Text("unknown", style="red")
    rest = datetime.fromisoformat(moment) - datetime.now(UTC)
    hours = rest.total_seconds() / 3600
    return (
        Text(f"in {hours:.0f} h", style="" if hours > 1 else "bold red")
        if hours > 0
        else Text("expired", style="bold red")
    )
