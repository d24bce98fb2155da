"""What a preview plans, as the policy's rules read it: each resource as it is and as it is to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata

from policy.rules import VM_LABEL, Resource, Violation, service_host, splits
from settings import first_subset
from vmmesh.rule_words import rule_words, told
from vmmesh.urns import cluster_of, resource_name

# Other steps of a replacement; one tells of it.
_PARTS = (OpType.CREATE_REPLACEMENT, OpType.DELETE_REPLACED)
ROUTE = "vm-mesh:index:Route$"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What would happen to a resource; ``old`` is None for a new one, ``new`` for one that goes."""

    operation: str
    urn: str
    old: Resource | None
    new: Resource | None
    paths: Sequence[str]
    """Properties that change."""

    @property
    def resource(self) -> Resource:
        """The resource as it is to be, or as it was."""
        return self.new or self.old or Resource(urn=self.urn, type="")


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Who gets how much of a route's calls, from the callers in a cluster: destination -> percent; and its rules."""

    route: str
    cluster: str
    before: Mapping[str, float]
    after: Mapping[str, float]
    rule_before: Sequence[str] = ()
    rule_after: Sequence[str] = ()

    @property
    def told(self) -> list[str]:
        """What of the rules is new, and what is no longer so."""
        return told(self.rule_before, self.rule_after)


def steps(events: Iterable[EngineEvent]) -> list[Step]:
    """The steps of a preview, of resources that stay the same too."""
    announced = (event.resource_pre_event.metadata for event in events if event.resource_pre_event)
    # The engine does not count its own default providers either.
    return [_step(it) for it in announced if it.op not in _PARTS and "::default_" not in it.urn]


def after(planned: Iterable[Step]) -> list[Resource]:
    """The stack as it is to be."""
    return [step.new for step in planned if step.new]


def before(planned: Iterable[Step]) -> list[Resource]:
    """The stack as the state has it."""
    return [step.old for step in planned if step.old]


def engine_violations(events: Iterable[EngineEvent]) -> list[Violation]:
    """What policy packs that the engine has run say; a pack of the organization, for example."""
    said = (event.policy_event for event in events if event.policy_event)
    return [
        Violation(rule=it.policy_name, urn=it.resource_urn or "", message=" ".join(it.message.split())) for it in said
    ]


def applied_stages(events: Iterable[EngineEvent]) -> dict[str, str]:
    """The stage of each route in the state, which the stack's outputs tell."""
    for event in events:
        if (begun := event.resource_pre_event) and begun.metadata.type == "pulumi:pulumi:Stack":
            outputs = begun.metadata.old.outputs if begun.metadata.old else None
            return dict((outputs or {}).get("stages", {}))
    return {}


def nothing(events: Iterable[EngineEvent]) -> bool:
    """Whether the preview changes no resource and no output of the stack."""
    events = list(events)
    changes = [event.summary_event.resource_changes for event in events if event.summary_event]
    ends = [event.res_outputs_event.metadata for event in events if event.res_outputs_event]
    outputs = [
        (end.old.outputs, end.new.outputs) for end in ends if end.type == "pulumi:pulumi:Stack" and end.old and end.new
    ]
    return bool(changes and outputs) and changes[-1].keys() <= {OpType.SAME} and all(old == new for old, new in outputs)


def rolled(planned: Iterable[Step]) -> list[Step]:
    """The Deployments whose pods are made anew."""
    updates = (step for step in planned if step.operation == OpType.UPDATE and step.resource.kind == "Deployment")
    return [step for step in updates if any(path.startswith("spec.template") for path in step.paths)]


def shares(planned: Sequence[Step]) -> list[Shares]:
    """Shares of every route and calling cluster, changed or not."""
    old, new = _destinations(before(planned)), _destinations(after(planned))
    found: list[Shares] = []
    for step in planned:
        if ROUTE not in step.urn or step.resource.kind != "VirtualService":
            continue
        found.append(
            Shares(
                route=resource_name(step.resource.parent),
                cluster=cluster_of(step.resource.provider),
                before=_shares(step.old, old),
                after=_shares(step.new, new),
                rule_before=_rule(step.old, old),
                rule_after=_rule(step.new, new),
            )
        )
    return sorted(found, key=lambda it: (it.route, it.cluster))


def _destinations(resources: Iterable[Resource]) -> dict[str, str]:
    """Host -> VM, by the label that the VMs' Services select."""
    services = [it for it in resources if it.kind == "Service"]
    return {service_host(it): vm for it in services if (vm := it.at(f"spec.selector.{VM_LABEL}"))}


def _shares(virtual_service: Resource | None, vms: Mapping[str, str]) -> dict[str, float]:
    # The last entry is the one without a condition, which all calls take that no other entry is for.
    found = splits(virtual_service) if virtual_service else []
    return {_name(host, subset, vms): weight for (host, subset), weight in (found[-1] if found else {}).items()}


def _rule(virtual_service: Resource | None, vms: Mapping[str, str]) -> list[str]:
    def name_of(place: Mapping[str, Any]) -> str:
        return _name(place["host"], place.get("subset", ""), vms)

    return rule_words(virtual_service.inputs, name_of) if virtual_service else []


def _name(host: str, subset: str, vms: Mapping[str, str]) -> str:
    """Name of a destination, the same with failover and without."""
    return vms.get(host) or subset.removeprefix(first_subset("")) or host


def _step(metadata: StepEventMetadata) -> Step:
    return Step(
        operation=metadata.op.value,
        urn=metadata.urn,
        old=_resource(metadata, metadata.old),
        new=_resource(metadata, metadata.new),
        paths=sorted(metadata.detailed_diff or metadata.diffs or ()),
    )


def _resource(metadata: StepEventMetadata, state: StepEventStateMetadata | None) -> Resource | None:
    if state is None:
        return None
    inputs: Mapping[str, Any] = state.inputs or {}
    provider = metadata.provider.rpartition("::")[0]  # without its ID
    return Resource(urn=metadata.urn, type=metadata.type, inputs=inputs, parent=state.parent, provider=provider)
