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
from vmmesh.mesh import Proxy, connect, wanted
from vmmesh.place import Place
from vmmesh.routes import Route, applied_route, route_of
from vmmesh.routing import Routing, shown
from vmmesh.stack import Stack
from vmmesh.urns import cluster_of, resource_name

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
            for service in settings.routes:
                route = route_of(settings, service)
                found += misrouted(applied_route(settings, route, outputs["stages"].get(service)), mesh.routes(route))
    return found


def unapplied(events: Sequence[EngineEvent], applied: Mapping[str, str], settings: Settings) -> list[Difference]:
    """What an update would change; and stages that are in the config alone, even if no weight differs."""
    found = [it for route, stage in settings.stages.items() for it in restaged(route, stage, applied.get(route))]
    for step in planned.steps(events):
        if OpType(step.operation) not in _SAME:
            paths = f" ({', '.join(step.paths[:5])})" if step.paths else ""
            what = f"an update would {step.operation} this {step.resource.kind}{paths}"
            cluster = cluster_of(step.resource.provider) if step.resource.type.startswith("kubernetes:") else None
            found.append(Difference(where="config", cluster=cluster, name=resource_name(step.urn), what=what))
    return found


def restaged(route: str, stage: str, applied: str | None) -> list[Difference]:
    """That the config has another stage than the one that is applied, if it has."""
    if applied == stage:
        return []
    what = f"is in stage {stage}, applied is {applied or 'none'}"
    return [Difference(where="config", cluster=None, name=route, what=what)]


def changed(events: Sequence[EngineEvent]) -> list[Difference]:
    """What a refresh has found otherwise, of what the program has declared.

    A resource's outputs change by themselves (status, versions): its inputs, as the provider reads them, do not.
    """
    found: list[Difference] = []
    for event in events:
        if (done := event.res_outputs_event) and (what := _otherwise(done.metadata)):
            metadata = done.metadata
            cluster = cluster_of(metadata.provider) if "kubernetes" in metadata.type else None
            found.append(Difference(where="object", cluster=cluster, name=resource_name(metadata.urn), what=what))
    return found


def misrouted(applied: Route | None, have: Mapping[Proxy, Routing | None]) -> list[Difference]:
    """The callers' proxies that divide a route's calls otherwise than the stage that is applied says.

    Of a stage that the config does not know any more nothing can be said.
    """
    if applied is None:
        return []
    return [
        Difference(
            where="proxy",
            cluster=proxy.cluster,
            name=proxy.name,
            what=f"divides calls of {applied.service} as {shown(routing)}, not {wanted(applied, proxy)}",
        )
        for proxy, routing in have.items()
        if routing != wanted(applied, proxy)
    ]


def _otherwise(metadata: StepEventMetadata) -> str | None:
    kind = metadata.type.rpartition(":")[2]
    if metadata.op is OpType.DELETE:
        return f"this {kind} is gone"
    old, new = (state.inputs if state else None for state in (metadata.old, metadata.new))
    paths = sorted(set(differing(old or {}, new or {})))
    return f"this {kind} was changed: {', '.join(paths[:5])}{', …' if paths[5:] else ''}" if paths else None


def differing(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Paths at which two values differ.

    A provider's own notes (``__defaults``) and what is empty in another way, as it may read back, are no difference.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        before, after = cast("Mapping[str, Any]", old), cast("Mapping[str, Any]", new)
        for key in (key for key in {**before, **after} if not key.startswith("__")):
            yield from differing(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and len(cast("list[Any]", old)) == len(cast("list[Any]", new)):
        for index, pair in enumerate(zip(cast("list[Any]", old), cast("list[Any]", new), strict=True)):
            yield from differing(*pair, f"{path}[{index}]")
    elif old != new and not (_empty(old) and _empty(new)):
        yield path


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def in_lines(found: Sequence[Difference]) -> list[str]:
    """The differences in as few lines as can be: the same one is told once, with the first places that have it."""
    places: dict[str, list[str]] = {}
    for it in found:
        places.setdefault(it.what, []).append(f"{it.cluster} {it.name}" if it.cluster else it.name)
    return [f"{_listed(names)}: {what}" for what, names in places.items()]


def _listed(names: Sequence[str], most: int = 3) -> str:
    rest = f" and {len(names) - most} more" if names[most:] else ""
    return f"{', '.join(names[:most])}{rest}"


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
