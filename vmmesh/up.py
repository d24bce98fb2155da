"""Brings a stack up, from nothing or from wherever the last run ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from settings import Settings
from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh import guard, planned, tools
from vmmesh.api_servers import await_api_servers
from vmmesh.entries import remove_stale
from vmmesh.exclusive import exclusive
from vmmesh.mesh import connect
from vmmesh.place import Place
from vmmesh.rejoin import join_again, lapsed
from vmmesh.restarted import await_restarted
from vmmesh.stack import Stack
from vmmesh.summary import summary
from vmmesh.urns import resource_name
from vmmesh.waking import started, wake


def up(place: Place, gone: Sequence[str] = ()) -> dict[str, Any]:
    """Makes tools and images ready, then the stack; returns the summary.

    Nodes and container VMs that were stopped or paused go on, and what they run is waited for. Machines whose
    certificates are of no use any more join again, and workload entries that are left behind are removed. ``gone``
    names machines that are no longer in the config and cannot be reached ever again.

    Raises SettingsError before anything is touched, or Problem, the first thing that failed.
    """
    settings = place.file.settings()
    with exclusive(place.root, place.name):
        tools.ensure(place)
        place.enter()
        os.environ["VM_MESH_GONE"] = " ".join(gone)
        with place.file.own_format():
            stack = Stack(place.root, place.name, "up", make=True)
            with Progress(Checkout(place.root).logs) as progress:
                state = stack.export(secrets=True)
                changes = _update(stack, state, settings, progress)
                outputs = stack.outputs() if changes else stack.outputs(state)
                if settings.vms:
                    _tend(stack, settings, outputs, progress)
        return summary(place.name, settings, outputs, changes)


def _update(stack: Stack, state: Mapping[str, Any], settings: Settings, progress: Progress) -> dict[str, int]:
    """Applies the config unless that would break a rule, or change nothing of the ``state``."""
    if not state.get("resources"):  # there is nothing to lose
        return stack.up(progress)
    made = {resource_name(resource["urn"]) for resource in state["resources"]}
    wake(stack.name, settings, made, progress.say)
    await_api_servers(state, settings, progress.say)
    await_restarted(state, settings, started(stack.name, settings, made), progress)
    with progress.step("preview", "what the update would change"):
        events = stack.preview()
        guard.refuse(guard.findings(events, settings))
    if planned.nothing(events) and not stack.unfinished(state):
        return {}
    rolled = planned.rolled(planned.steps(events))
    if len(rolled) > 1:
        progress.say(Text(f"{len(rolled)} deployments get new pods, one after the other"))
    # All pods anew at once leave those that serve too little of a small cluster to answer in time.
    return stack.up(progress, one_by_one=len(rolled) > 1)


def _tend(stack: Stack, settings: Settings, outputs: Mapping[str, Any], progress: Progress) -> None:
    """What no update sees, since nothing of the config has changed."""
    with connect(settings, outputs) as mesh:
        for entry in remove_stale(mesh, settings):
            progress.say(Text(f"removed the workload entry {entry}: no machine stands behind it"))
        if away := lapsed(mesh, settings):
            progress.say(Text(f"{', '.join(away)}: has a certificate that is of no use any more; joining again"))
            join_again(stack, away, progress)
