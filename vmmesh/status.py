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

from settings import VM_LABEL, Settings
from vmmesh import route_status
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, each
from vmmesh.routes import route_of

CERTIFICATE = "/etc/certs/cert-chain.pem"
PACKAGE = "istio-sidecar"


def status(mesh: Mesh, settings: Settings, applied: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """State of every route, by the calls that pass in ``seconds``, and of every VM, as JSON.

    ``applied`` names the stages that the last update has put in place. Raises Unreachable if a cluster does
    not answer; of a VM that does not, the state says so.
    """
    routes = [route_of(settings, service) for service in settings.routes]
    before = each(mesh.figures, routes)
    started = time.monotonic()
    vms = each(lambda name: _vm(mesh, settings, name), settings.vms)
    time.sleep(max(0.0, seconds - (time.monotonic() - started)))
    window = round(time.monotonic() - started, 1)
    return {
        "routes": route_status.states(mesh, settings, routes, applied, before, window),
        "vms": vms,
    }


def _vm(mesh: Mesh, settings: Settings, name: str) -> dict[str, Any]:
    vm = settings.vms[name]
    selector = f"--selector={VM_LABEL}={name}"
    entries = mesh.get(vm.cluster, "workloadentries.networking.istio.io", f"--namespace={vm.namespace}", selector)
    found: dict[str, Any] = {"name": name, "cluster": vm.cluster} | health(entries["items"])
    try:
        found["certificate_expires"] = expiry(mesh.on_vm(name, "cat", CERTIFICATE)).isoformat()
        found["version"] = mesh.on_vm(name, "dpkg-query", "--show", "--showformat=${Version}", PACKAGE).strip()
    except (Unreachable, ValueError) as error:
        found |= {"certificate_expires": None, "version": None, "message": found["message"] or str(error)}
    return found


def health(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a VM's WorkloadEntries say: ``registered``, ``healthy``, and why not in ``message``."""
    if not entries:
        return {"registered": False, "healthy": False, "message": "its agent is not connected to istiod"}
    conditions = [
        condition
        for entry in entries
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


def expiry(chain: str) -> datetime:
    """When the first certificate of a PEM chain expires. Raises ValueError if it is none."""
    return x509.load_pem_x509_certificate(chain.encode()).not_valid_after_utc


def show(console: Console, document: Mapping[str, Any]) -> None:
    """Prints the state as tables."""
    vms = Table(box=None, pad_edge=False)
    for heading in ("VM", "joined", "registered", "healthy", "certificate expires", "sidecar"):
        vms.add_column(heading)
    for vm in document["vms"]:
        vms.add_row(
            vm["name"],
            vm["cluster"],
            _yes(vm["registered"]),
            _yes(vm["healthy"]),
            _in_future(vm["certificate_expires"]),
            vm["version"] or "-",
        )
    console.print(route_status.table(document["routes"]))
    for line in route_status.drift_lines(document["routes"]):
        console.print(line, soft_wrap=True)
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
