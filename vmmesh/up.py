"""Brings a stack up, from nothing or from wherever the last run ended."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
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
from vmmesh.network_gateways import await_gateways
from vmmesh.place import Place
from vmmesh.rejoin import join_again, lapsed
from vmmesh.restarted import await_agents, await_pods
from vmmesh.stack import Stack
from vmmesh.state import kubeconfigs
from vmmesh.summary import summary
from vmmesh.urns import resource_name
from vmmesh.waking import started_machines, started_nodes, wake


def up(place: Place, gone: Sequence[str] = ()) -> dict[str, Any]:
    """Makes tools and images ready, then the stack; returns the summary.

    Nodes and container VMs that were stopped or paused go on, and what they run is waited for. Steps that were broken
    off are run again, machines whose certificates are of no use any more join again, and workload entries that are left
    behind are removed. ``gone`` names machines that are no longer in the config and cannot be reached ever again.

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
                made = {resource_name(resource["urn"]) for resource in state.get("resources", ())}
                if made:
                    _bring_back(stack, state, settings, made, progress)
                changes = _update(stack, state, settings, progress)
                stack.up_again(progress)
                outputs = stack.outputs() if changes else stack.outputs(state)
                if changes.get("create") and not settings.mesh.installed:
                    with connect(settings, outputs) as mesh:
                        await_gateways(mesh, settings, progress)
                if settings.vms:
                    _tend(stack, settings, outputs, made, progress)
        return summary(place.name, settings, outputs, changes)


def _bring_back(
    stack: Stack, state: Mapping[str, Any], settings: Settings, made: Collection[str], progress: Progress
) -> None:
    """Has what was stopped or paused go on, and waits for the clusters."""
    wake(stack.name, settings, made, progress.say)
    await_api_servers(state, settings, progress.say)
    known = kubeconfigs(state)
    nodes = {it: at for it, at in started_nodes(stack.name, settings, made).items() if it in known}
    with connect(settings, {"kubeconfigs": known}) as mesh:
        await_pods(mesh, settings, nodes, progress)


def _update(stack: Stack, state: Mapping[str, Any], settings: Settings, progress: Progress) -> dict[str, int]:
    """Applies the config unless that would break a rule, or change nothing of the ``state``."""
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


def _tend(
    stack: Stack, settings: Settings, outputs: Mapping[str, Any], made: Collection[str], progress: Progress
) -> None:
    """What no update sees, since nothing of the config has changed."""
    with connect(settings, outputs) as mesh:
        for entry in remove_stale(mesh, settings):
            progress.say(Text(f"removed the workload entry {entry}: no machine stands behind it"))
        if away := lapsed(mesh, settings):
            progress.say(Text(f"{', '.join(away)}: has a certificate that is of no use any more; joining again"))
            join_again(stack, away, progress)
        # One that has to join again is back only then.
        await_agents(mesh, settings, started_machines(stack.name, settings, made), progress)
