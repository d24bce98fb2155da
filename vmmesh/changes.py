"""A preview as an operator needs it: which destination gets which weight, and what else would change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata
from rich.console import Console
from rich.text import Text

from vmmesh.routes import Route
from vmmesh.rule_words import rule_words, told
from vmmesh.urns import cluster_of, resource_name

_UNCHANGED = (OpType.SAME, OpType.READ, OpType.REFRESH)
_GENTLE = (OpType.CREATE, OpType.UPDATE, OpType.IMPORT)
_VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"
# Other steps of a replacement; one line tells of it.
_STEPS = (OpType.CREATE_REPLACEMENT, OpType.DELETE_REPLACED)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to a resource."""

    operation: str
    name: str
    kind: str
    paths: Sequence[str]
    """Properties that change."""
    cluster: str | None = None
    """Cluster whose callers the weights are for."""
    before: Mapping[str, int] | None = None
    """Destination -> weight, if nothing but weights and rules change."""
    after: Mapping[str, int] | None = None
    rules: Sequence[str] = ()
    """What of the rules is new, and what is no longer so."""

    @property
    def destroys(self) -> bool:
        """Whether something that runs would be gone, or another one in its place."""
        return self.operation not in [operation.value for operation in _GENTLE]


def changes(events: Iterable[EngineEvent], route: Route) -> list[Change]:
    """What a preview's events announce, the route's weights by destination."""
    announced = (event.resource_pre_event.metadata for event in events if event.resource_pre_event)
    found = [_change(step, route) for step in announced if step.op not in (*_UNCHANGED, *_STEPS)]
    return sorted(found, key=lambda change: (change.cluster is None, change.name))


def _change(step: StepEventMetadata, route: Route) -> Change:
    name, kind, paths = (
        resource_name(step.urn),
        step.type.rpartition(":")[2],
        sorted(step.detailed_diff or step.diffs or ()),
    )
    change = Change(operation=step.op.value, name=name, kind=kind, paths=paths)
    if (
        step.type != _VIRTUAL_SERVICE
        or step.op is not OpType.UPDATE
        or not all(path.startswith("spec.http") for path in paths)
    ):
        return change
    before, after = (_weights(state.inputs if state else None, route) for state in (step.old, step.new))
    if before is None or after is None:
        return change
    rules = told(
        *(rule_words(state.inputs if state else None, partial(_name, route)) for state in (step.old, step.new))
    )
    if not rules and not all(path.endswith(".weight") for path in paths):
        return change  # what a header or a cookie must be, for example: only the path says it
    return Change(
        operation=change.operation,
        name=name,
        kind=kind,
        paths=paths,
        cluster=cluster_of(step.provider),
        before=before,
        after=after,
        rules=rules,
    )


def _weights(inputs: Mapping[str, Any] | None, route: Route) -> dict[str, int] | None:
    """Destination -> weight, of the inputs of the route's virtual service; None: they are of another."""
    spec = (inputs or {}).get("spec", {})
    if spec.get("hosts") != [route.host]:
        return None
    found: dict[str, int] = {}
    for entry in spec["http"][-1]["route"]:  # those before it have a condition, and no weights
        destination = _destination(route, entry["destination"])
        if destination is None:
            return None
        found[destination] = entry["weight"]
    return found


def _destination(route: Route, place: Mapping[str, Any]) -> str | None:
    return route.destination(f"outbound||{place.get('subset', '')}|{place['host']}")


def _name(route: Route, place: Mapping[str, Any]) -> str:
    return _destination(route, place) or str(place["host"])


def lines(found: Sequence[Change]) -> list[Text]:
    """The changes in lines, those that destroy something in bold."""
    return [line for change in found for line in _lines(change)] or [Text("  nothing would change")]


def show(console: Console, found: Sequence[Change]) -> None:
    """Prints the changes."""
    for line in lines(found):
        console.print(line, soft_wrap=True)


def _lines(change: Change) -> Iterator[Text]:
    if change.before is not None and change.after is not None:
        parts = [
            f"{name} {change.before.get(name, 0)} -> {weight}"
            for name, weight in change.after.items()
            if change.before.get(name, 0) != weight
        ]
        for line in ([", ".join(parts)] if parts else []) + list(change.rules):
            yield Text(f"  ~ {change.cluster}: {line}")
        return
    paths = f": {', '.join(change.paths[:5])}" if change.paths else ""
    style = "bold red" if change.destroys else ""
    yield Text(f"  {change.operation} {change.kind} {change.name}{paths}", style=style)


def document(found: Sequence[Change]) -> list[dict[str, Any]]:
    """The changes as JSON."""
    return [
        {
            "operation": change.operation,
            "name": change.name,
            "kind": change.kind,
            "destroys": change.destroys,
            "paths": list(change.paths),
            **(
                {
                    "cluster": change.cluster,
                    "before": change.before,
                    "after": change.after,
                    "rules": list(change.rules),
                }
                if change.cluster
                else {}
            ),
        }
        for change in found
    ]
