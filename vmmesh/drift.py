"""Where the mesh differs from the config: config that no update has applied, objects that others have changed, and
routes that a caller's proxy does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata
from rich.console import Console
from rich.text import Text

from settings import Settings
from toolchain.places import Checkout
from toolchain.progress import Progress
from vmmesh import planned
from vmmesh.mesh import Mesh, connect, wanted
from vmmesh.place import Place
from vmmesh.routes import Route, route_of
from vmmesh.routing import shown
from vmmesh.stack import Stack
from vmmesh.watch import resource_name

_SAME = (OpType.SAME, OpType.READ, OpType.REFRESH)
_ADVICE = {
    "config": "`make up` applies the config",
    "object": "`pulumi refresh`, then `make up` puts back what the config says",
    "proxy": "if all else is right, see what istiod says: kubectl --namespace istio-system logs deployment/istiod",
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Something that is not as the config says. ``what`` holds no value but percents."""

    where: Literal["config", "object", "proxy"]
    """``config``: no update has applied it; ``object``: of what the stack holds; ``proxy``: a caller's routes."""
    cluster: str | None
    name: str
    what: str


def drift(place: Place) -> list[Difference]:
    """Every difference. Raises Problem, Unreachable among them, if something cannot be asked."""
    settings = place.file.settings()
    place.enter()
    stack = Stack(place.root, place.name, "drift")
    outputs = stack.outputs()
    with Progress(Checkout(place.root).logs) as progress:
        with progress.step("config", "what of it no update has applied"):
            found = unapplied(stack.preview(), outputs["stages"], settings)
        with progress.step("objects", "what is otherwise than the last update has left it"):
            found += changed(stack.preview_refresh())
        with progress.step("proxies", "what routes every caller has"), connect(settings, outputs) as mesh:
            found += [it for service in settings.routes for it in misrouted(mesh, route_of(settings, service))]
    return found


def unapplied(events: Sequence[EngineEvent], applied: Mapping[str, str], settings: Settings) -> list[Difference]:
    """What an update would change; and stages that are in the config alone, even if no weight differs."""
    found = [
        Difference(
            where="config", cluster=None, name=route, what=f"is in stage {stage}, applied is {applied.get(route)}"
        )
        for route, stage in settings.stages.items()
        if applied.get(route) != stage
    ]
    for step in planned.steps(events):
        if OpType(step.operation) not in _SAME:
            paths = f" ({', '.join(step.paths[:5])})" if step.paths else ""
            what = f"an update would {step.operation} this {step.resource.kind}{paths}"
            cluster = planned.cluster_of(step.resource) if step.resource.type.startswith("kubernetes:") else None
            found.append(Difference(where="config", cluster=cluster, name=resource_name(step.urn), what=what))
    return found


def changed(events: Sequence[EngineEvent]) -> list[Difference]:
    """What a refresh has found otherwise, of what the program has declared.

    A resource's outputs change by themselves (status, versions): its inputs, as the provider reads them, do not.
    """
    found: list[Difference] = []
    for event in events:
        if (done := event.res_outputs_event) and (what := _otherwise(done.metadata)):
            metadata = done.metadata
            provider = metadata.provider.rpartition("::")[0]
            cluster = resource_name(provider).removesuffix("-kubernetes") if "kubernetes" in metadata.type else None
            found.append(Difference(where="object", cluster=cluster, name=resource_name(metadata.urn), what=what))
    return found


def misrouted(mesh: Mesh, route: Route) -> list[Difference]:
    """The callers' proxies that divide a route's calls otherwise than its stage says."""
    return [
        Difference(
            where="proxy",
            cluster=proxy.cluster,
            name=proxy.name,
            what=f"divides calls of {route.service} as {shown(have)}, not {wanted(route, proxy)}",
        )
        for proxy, have in mesh.routes(route).items()
        if have != wanted(route, proxy)
    ]


def _otherwise(metadata: StepEventMetadata) -> str | None:
    kind = metadata.type.rpartition(":")[2]
    if metadata.op is OpType.DELETE:
        return f"this {kind} is gone"
    old, new = (state.inputs if state else None for state in (metadata.old, metadata.new))
    paths = sorted(set(differing(old or {}, new or {})))
    return f"this {kind} was changed: {', '.join(paths[:5])}{', …' if paths[5:] else ''}" if paths else None


def differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Paths at which two values differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in {**before, **after}:
            yield from differing(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(cast("list[Any]", old)) == len(cast("list[Any]", new)):
        for index, pair in enumerate(zip(cast("list[Any]", old), cast("list[Any]", new), strict=True)):
            yield from differing(*pair, f"{path}[{index}]")
    elif old != new:
        yield path


def document(stack: str, found: Sequence[Difference]) -> dict[str, Any]:
    """The differences as JSON."""
    return {"stack": stack, "drifted": bool(found), "differences": [asdict(it) for it in found]}


def show(console: Console, stack: str, found: Sequence[Difference]) -> None:
    """Prints the differences, and what to do about each kind of them."""
    if not found:
        console.print(f"{stack} is as its config says")
        return
    console.print(Text(f"{stack} differs from its config in {len(found)} places", style="bold red"))
    for it in found:
        where = f"{it.cluster} " if it.cluster else ""
        console.print(Text(f"  {it.where}: {where}{it.name}: {it.what}"), soft_wrap=True)
    for kind in dict.fromkeys(it.where for it in found):
        console.print(Text(f"{kind}: {_ADVICE[kind]}"), soft_wrap=True)
