"""The policy pack: hands what the engine plans to the rules, and what they say back to the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError
from rules import RULES, STACK_RULES, UNKNOWN, Resource, Rule, StackRule


def plain(value: Any) -> Any:
    """``value`` without the wrappers that raise where something is unknown yet."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        return {key: _item(entries, key) for key in entries}
    if isinstance(value, Sequence):
        items = cast("Sequence[Any]", value)
        return [_item(items, index) for index in range(len(items))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    """What the rules read of a resource."""
    provider = given.provider.urn if given.provider else ""
    return Resource(urn=given.urn, type=given.resource_type, inputs=plain(given.props), provider=provider)


def one(name: str, rule: Rule) -> ResourceValidationPolicy:
    """A policy of a rule of single resources."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for message in rule(resource(args)):
            report(message, args.urn)

    return ResourceValidationPolicy(name=name, description=_said(rule), validate=validate)


def all_together(name: str, rule: StackRule) -> StackValidationPolicy:
    """A policy of a rule of resources to each other."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for urn, message in rule([resource(it) for it in args.resources]):
            report(message, urn)

    return StackValidationPolicy(name=name, description=_said(rule), validate=validate)


def _said(rule: Rule | StackRule) -> str:
    return (rule.__doc__ or "").strip()


PolicyPack(
    name="vm-mesh",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *(one(name, rule) for name, rule in RULES.items()),
        *(all_together(name, rule) for name, rule in STACK_RULES.items()),
    ],
)
