"""What no update may do, checked on its preview before anything is changed.

A policy pack cannot hold the rules of change: the engine shows it the planned state and not the present one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi.automation import EngineEvent, OpType

from policy.rules import Violation, violations
from settings import Settings
from toolchain.problem import Problem
from vmmesh import planned
from vmmesh.planned import Step
from vmmesh.urns import cluster_of, resource_name

_MACHINES = ("vm-mesh:index:ContainerVm", "vm-mesh:index:HostVm")
_VM = "vm-mesh:index:WorkloadGroup"
"""What a VM's machines have in common: one of several may go, the others take its calls."""
_CLUSTERS = ("vm-mesh:index:KindCluster", "vm-mesh:index:ExistingCluster")


def findings(events: Sequence[EngineEvent], settings: Settings, *, allow_jump: bool = False) -> list[Violation]:
    """Every rule that the previewed update, or the state that it leads to, breaks."""
    steps = planned.steps(events)
    return [
        *violations(planned.after(steps)),
        *removals(steps),
        *replacements(steps, settings),
        *namespaces(steps, settings),
        *(() if allow_jump else jumps(steps, settings)),
        *planned.engine_violations(events),
    ]


def refuse(found: Sequence[Violation]) -> None:
    """Raises Problem if a rule is broken."""
    if found:
        lines = [f"  - {resource_name(it.urn)}: {it.message} ({it.rule})" for it in found]
        raise Problem(
            "\n".join(["nothing was changed, for the update would break rules:", *lines]), "see docs/policy.md"
        )


def removals(steps: Sequence[Step]) -> Iterator[Violation]:
    """No VM and no cluster goes while calls go to it."""
    for step in steps:
        name = resource_name(step.urn)
        if step.operation == OpType.DELETE and step.resource.type in (_VM, *_CLUSTERS):
            for route, percent in _traffic(steps, name):
                message = (
                    f"{name} would be removed with {percent:g}% of the calls of {route}; move them in an update before"
                )
                yield Violation(rule="destinations-drained", urn=step.urn, message=message)


def replacements(steps: Sequence[Step], settings: Settings) -> Iterator[Violation]:
    """No VM and no cluster is made anew unless the config says that it may be."""
    told: set[str] = set()
    for step in steps:
        name = _machine(step)
        if step.operation != OpType.REPLACE or name is None or name in told:
            continue
        told.add(name)
        destination = settings.machines().get(name, name)
        if destination in settings.allow_replace:
            continue
        loses = "".join(_serving(steps, name, settings))
        why = f" because of {', '.join(step.paths[:3])}" if step.paths else ""
        message = (
            f"{name} would be replaced{why}{loses}; "
            f"if that is meant, add {destination} to vm-mesh:allowReplace for this update"
        )
        yield Violation(rule="replacements-allowed", urn=step.urn, message=message)


def namespaces(steps: Sequence[Step], settings: Settings) -> Iterator[Violation]:
    """No namespace goes that the config has: with it would go what others run there.

    A stack in a mesh that is another one's has made those of callers once, and makes them no more.
    """
    for step in steps:
        if step.operation != OpType.DELETE or step.resource.type != "kubernetes:core/v1:Namespace":
            continue
        name, cluster = step.resource.inputs["metadata"]["name"], cluster_of(step.resource.provider)
        if cluster in settings.application_clusters() and name in settings.namespaces():
            message = (
                f"namespace {name} would be removed from {cluster} with all that runs in it, though the config has it "
                f"in the mesh; have the stack forget it: pulumi state delete --yes '{step.urn}'"
            )
            yield Violation(rule="namespaces-kept", urn=step.urn, message=message)


def _serving(steps: Sequence[Step], name: str, settings: Settings) -> Iterator[str]:
    """The calls that a cluster or a machine serves now, the latter with its VM's others: a phrase for each route."""
    vm = settings.machines().get(name, name)
    machines = sum(of == vm for of in settings.machines().values())
    for route, percent in _traffic(steps, vm):
        yield f", {f'one of {machines} machines ' if machines > 1 else ''}with {percent:g}% of the calls of {route}"


def jumps(steps: Sequence[Step], settings: Settings) -> Iterator[Violation]:
    """No destination gains more percent points of a route at once than the route's ``maxStep``."""
    told: set[str] = set()
    for it in planned.shares(steps):
        route = settings.routes.get(it.route)
        if route is None or not it.before or not it.after or it.route in told:
            continue
        gains = {name: share - it.before.get(name, 0) for name, share in it.after.items()}
        name = max(gains, key=lambda each: gains[each])
        if gains[name] > route.max_step:
            told.add(it.route)
            urn = next(
                step.urn for step in steps if planned.ROUTE in step.urn and f"::{it.route}-{it.cluster}-" in step.urn
            )
            message = (
                f"{name} would take {it.after[name]:g}% of the calls of {it.route} after {it.before.get(name, 0):g}%; "
                f"vm-mesh:routes.{it.route}.maxStep allows {route.max_step} points at once"
            )
            yield Violation(rule="steps-small", urn=urn, message=message)


def _traffic(steps: Sequence[Step], destination: str) -> list[tuple[str, float]]:
    """Routes of which calls go to a destination now, and the most that any cluster's callers send."""
    found: dict[str, float] = {}
    for it in planned.shares(steps):
        if percent := it.before.get(destination):
            found[it.route] = max(percent, found.get(it.route, 0))
    return sorted(found.items())


def _machine(step: Step) -> str | None:
    """Name of the VM or the cluster that a resource is: its container, its node, or the way to its API."""
    kinds = step.urn.split("::")[2].split("$")
    parent = resource_name(step.resource.parent)
    match kinds:
        case [*_, kind, "docker:index/container:Container"] if kind in _MACHINES:
            return parent
        case [*_, kind, "pulumi:providers:kubernetes"] if kind in _CLUSTERS:
            return parent
        case [*_, kind, "command:local:Command"] if kind in _CLUSTERS and resource_name(step.urn) == f"{parent}-node":
            return parent
        case _:
            return None
