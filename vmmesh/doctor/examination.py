"""Runs the checks: the operator's machine first, then clusters and VMs, several at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.automation import CommandError

from settings import PROJECT, SettingsError, exporters
from toolchain.artifacts import ArtifactsMissing
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh.doctor import cluster, machine, vm
from vmmesh.doctor.examined import Examined
from vmmesh.doctor.finding import Finding, Said, passed, run
from vmmesh.doctor.operator import Operator
from vmmesh.exclusive import exclusive
from vmmesh.kubectl import written
from vmmesh.mesh import AT_ONCE
from vmmesh.place import Place
from vmmesh.reason import reason
from vmmesh.recovery import Held
from vmmesh.stack import NoStack, Stack

HERE = "machine"
"""What the operator's machine is called among the places."""
CHECKS: Mapping[str, Sequence[str]] = {
    HERE: ("config", *machine.CHECKS, "stack"),
    "cluster": (*cluster.FIRST, *cluster.CHECKS),
    "VM": ("preflight", *vm.CHECKS),
}
"""Names of the checks of each kind of place; a VM's preflight has further ones, in a script of its own."""


@dataclass(frozen=True, kw_only=True)
class _Applied:
    """What the last update has made: the stack's outputs, empty before the first, and what is to be said of it."""

    outputs: Mapping[str, Any]
    said: Sequence[Said]


def examine(place: Place) -> list[Finding]:
    """Everything that is found. Before the first ``make up`` that is the operator's machine, and VMs that are there.

    Raises Misuse if there is no such stack.
    """
    try:
        settings = place.file.settings()
    except SettingsError as error:
        advice = f"correct {place.file.path.name}, as docs/configuration.md has it"
        said = [Said("failure", line, advice) for line in error.errors]
        return list(_here("config", said))
    found = [*_here("config", [Said("ok", place.file.path.name)])]
    tools = True
    try:
        place.enter()
    except ArtifactsMissing:  # its own check tells
        tools = False
    operator = Operator(root=place.root, name=place.name, settings=settings)
    with Progress(Checkout(place.root).logs) as progress:
        with progress.step(HERE, "examining it"), ThreadPoolExecutor(1) as pool:
            applied = pool.submit(_applied, place) if tools else None
            found += run(HERE, machine.CHECKS, operator)
            stack = applied.result() if applied else _Applied(outputs={}, said=[_NOT_UP])
        found += _here("stack", stack.said)
        with written(stack.outputs.get("kubeconfigs", {})) as kubeconfigs:
            found += _elsewhere(place.root, operator, stack.outputs, kubeconfigs, progress)
    return found


def _here(check: str, said: Sequence[Said]) -> Iterator[Finding]:
    return run(HERE, {check: lambda _: iter(said)}, None)


_NOT_UP = Said("ok", "it is not up yet: clusters are examined once they are there")


def _applied(place: Place) -> _Applied:
    """The stack, as far as it is readable, and whether somebody is at work on it."""
    said: list[Said] = []
    outputs: dict[str, Any] = {}
    try:
        with exclusive(place.root, place.name):
            pass
    except Held as held:
        said.append(Said("warning", str(held), held.advice))
    try:
        stack = Stack(place.root, place.name, "doctor")
        if pending := stack.export().get("pending_operations"):
            what = f"a run was killed in the midst of {len(pending)} operations"
            said.append(Said("warning", what, "nothing: the next `make up` or `make down` cleans up after it"))
        outputs = stack.outputs()
        said.append(Said("ok", "it is up"))
    except NoStack:
        said.append(_NOT_UP)
    except CommandError as error:
        advice = "is the backend reachable (`pulumi whoami -v`), and the passphrase the one that it was made with?"
        said.append(Said("failure", f"its state cannot be read: {reason(error).splitlines()[-1]}", advice))
    return _Applied(outputs=outputs, said=said)


def _elsewhere(
    root: Path,
    operator: Operator,
    outputs: Mapping[str, Any],
    kubeconfigs: Mapping[str, Path],
    progress: Progress,
) -> Iterator[Finding]:
    """The clusters and VMs that there are, at the same time, in the order of the config."""
    settings = operator.settings
    version = operator.tools.istio.version if operator.tools else ""
    called = exporters(settings) if settings.mesh.keyless else settings.application_clusters()
    networks = {name: settings.clusters[name].network for name in called}
    clusters = {
        name: Examined(
            kubeconfig=kubeconfigs[name],
            others=[other for other in kubeconfigs if other != name] if settings.clusters[name].application else [],
            application=settings.clusters[name].application,
            istio=version,
            networks={other: it for other, it in networks.items() if other != name},
            keyless=settings.mesh.keyless,
        )
        for name in settings.clusters
        if name in kubeconfigs
    }
    vms = [
        vm.Machine(
            root=root,
            name=name,
            settings=settings.vms[vm_name],
            transport=transport,
            cluster=clusters.get(settings.vms[vm_name].cluster),
            gateway=outputs.get("gateways", {}).get(settings.vms[vm_name].cluster, ""),
        )
        for vm_name, name, transport in transports(operator, outputs)
    ]
    work: list[tuple[str, Callable[[], list[Finding]]]] = [
        *((name, lambda name=name, part=part: _of_cluster(name, part)) for name, part in clusters.items()),
        *((part.name, lambda part=part: _of_vm(part)) for part in vms),
    ]

    def do(item: tuple[str, Callable[[], list[Finding]]]) -> list[Finding]:
        name, act = item
        with progress.step(name, "examining it"):
            return act()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(do, work):
            yield from found


def transports(operator: Operator, outputs: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """VM, machine and transport of each machine that can be asked: hosts, and the containers that are there."""
    made = outputs.get("transports", {})
    containers: Collection[str] = ()
    with suppress(Problem):
        containers = operator.containers
    for vm_name, entry in operator.settings.vms.items():
        for name, place in entry.all_machines(vm_name).items():
            container = f"{PROJECT}-{operator.name}-{name}"
            if name in made:
                yield vm_name, name, made[name]
            elif place.host:
                yield vm_name, name, place.host.transport()
            elif container in containers:
                yield vm_name, name, f"docker exec -i {container}"


def _of_cluster(name: str, examined: Examined) -> list[Finding]:
    found = list(run(name, cluster.FIRST, examined))
    return [*found, *run(name, cluster.CHECKS, examined)] if passed(found) else found


def _of_vm(examined: vm.Machine) -> list[Finding]:
    found: list[Finding] = []
    try:
        found += vm.preflight(examined)
    except Problem as error:
        advice = f"try: {examined.transport} true"
        return [Finding(place=examined.name, check="preflight", level="failure", what=str(error), advice=advice)]
    return [*found, *run(examined.name, vm.CHECKS, examined)]
