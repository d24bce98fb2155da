"""Brings machines back whose certificates are of no use any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from settings import Settings
from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh.api_servers import await_api_servers
from vmmesh.exclusive import exclusive
from vmmesh.kubectl import Unreachable
from vmmesh.mesh import Mesh, each
from vmmesh.place import Place
from vmmesh.routes import check_applied, route_of
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse, nearest
from vmmesh.status import expiry

_NONE = "none"
_CHAIN = f"({(Path(__file__).parents[1] / 'bootstrap/vm/certificate.sh').read_text()}) || echo {_NONE}"
"""Prints the certificate chain of a machine, unless it is of no use."""


def machines_of(settings: Settings, names: Sequence[str] = ()) -> list[str]:
    """The machines of these names, or all. Raises Misuse for a name that is none."""
    known = list(settings.machines())
    for name in names:
        if name not in known:
            raise Misuse(f"there is no machine {name}{nearest(name, known)}")
    return list(names) or known


def lapsed(mesh: Mesh, settings: Settings) -> list[str]:
    """Machines that answer, and whose certificate has expired or lacks its key: none is taken back without a token."""
    machines = machines_of(settings)
    return [name for name, late in zip(machines, each(lambda name: _lapsed(mesh, name), machines), strict=True) if late]


def _lapsed(mesh: Mesh, machine: str) -> bool:
    try:
        chain = mesh.on_machine(machine, "sh", "-c", _CHAIN)
        return chain.strip() == _NONE or expiry(chain) < datetime.now(UTC)
    except (Unreachable, ValueError):
        return False


def rejoin(place: Place, names: Sequence[str]) -> list[str]:
    """Has machines join again, all if none is named; returns which. One that is in the mesh is not disturbed by it.

    Raises Misuse for a name that is no machine's, or Problem: a stage is in the config only, or what failed first.
    """
    settings = place.file.settings()
    machines = machines_of(settings, names)
    place.enter()
    with exclusive(place.root, place.name):
        stack = Stack(place.root, place.name, "rejoin")
        state = stack.export(secrets=True)
        # An update of few resources gives the stack all its outputs: such a stage would count as put in place.
        check_applied([route_of(settings, service) for service in settings.routes], stack.outputs(state)["stages"])
        with Progress(Checkout(place.root).logs) as progress:
            await_api_servers(state, settings, progress.say)
            join_again(stack, machines, progress)
    return machines


def join_again(stack: Stack, machines: Sequence[str], progress: Progress) -> None:
    """Runs the joins of machines once more. Raises Problem, the first that failed."""
    stack.up(progress, again=[f"{machine}-join" for machine in machines])
