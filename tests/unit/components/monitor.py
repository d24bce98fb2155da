"""A resource monitor that keeps what a program registers, with the options that Pulumi's own mocks drop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import mocks, rpc, settings, stack
from pulumi.runtime.proto import resource_pb2 as pb

Properties = dict[str, Any]

PROJECT, STACK = "vm-mesh", "dev"
STACK_URN = f"urn:pulumi:{STACK}::{PROJECT}::pulumi:pulumi:Stack::{PROJECT}-{STACK}"
UNKNOWN = cast(str, rpc.UNKNOWN)
"""Stands in a preview for what only the update will know."""

Outputs = Callable[["Registered"], Properties]
"""What a resource has beside its inputs once it is there."""


class _Wire:
    """Keys of Pulumi's wire format."""

    SIGNATURE = "4dabf18193072939515e22adb298388d"
    SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True)
class Secret:
    """A value that the program gave as a secret."""

    value: Any


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A resource as the program declared it. Resources are named by their URNs."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Properties
    """By their names on the wire; secrets are :class:`Secret`, and what a preview cannot know is UNKNOWN."""
    provider: str
    depends_on: frozenset[str]
    deleted_with: str
    """As the engine has it: a resource that names none is deleted with what its parent is deleted with."""
    protect: bool
    delete_before_replace: bool
    secret_outputs: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    delete_timeout: str
    """How long its removal is waited for; empty: as long as the provider thinks right."""
    read: bool = False
    """Whether the program only looks it up: it is another's."""

    def __getitem__(self, path: str) -> Any:
        """The input at ``path``, such as ``spec.template.spec``. Raises KeyError if there is none."""
        value: Any = self.inputs
        for step in path.split("."):
            value = value[step]
        return value


@dataclass(repr=False)
class Program:
    """What a program has registered."""

    resources: dict[str, Registered] = field(default_factory=dict[str, Registered])
    outputs: Properties = field(default_factory=dict[str, Any])
    """Of the stack."""
    outputs_registered: Counter[str] = field(default_factory=Counter[str])
    """How often each component has registered its outputs."""

    def __getitem__(self, name: str) -> Registered:
        """The one custom resource of this name. Raises ValueError if there is none, or more than one."""
        (found,) = (resource for resource in self.custom() if resource.name == name)
        return found

    def custom(self, kind: str = "") -> list[Registered]:
        """The resources that are not components, of a type that ends with ``kind``."""
        return [it for it in self.resources.values() if it.custom and it.type.endswith(kind)]

    def components(self) -> list[Registered]:
        return [it for it in self.resources.values() if not it.custom]

    def kubernetes(self) -> list[Registered]:
        """Everything that is in a cluster."""
        return [it for it in self.custom() if it.type.startswith("kubernetes:")]

    def provider_of(self, resource: Registered) -> Registered:
        return self.resources[resource.provider.rpartition("::")[0]]

    def cluster_of(self, resource: Registered) -> str:
        """Name of the cluster that a Kubernetes resource is in."""
        return self.resources[self.provider_of(resource).parent].name

    def in_cluster(self, cluster: str, kind: str, name: str = "") -> list[Registered]:
        """What the program declares in a cluster, by kind and by the name that it has there."""
        return [
            it
            for it in self.kubernetes()
            if it.type.endswith(f":{kind}")
            and not it.read
            and self.cluster_of(it) == cluster
            and (not name or it["metadata.name"] == name)
        ]

    def names(self, urns: frozenset[str]) -> set[str]:
        return {self.resources[urn].name for urn in urns}


def run(program: Callable[[], object], outputs: Outputs, *, preview: bool = False) -> Program:
    """Runs a program to its end. Raises what it raises."""
    monitor = _Monitor(outputs, preview)

    def main() -> None:
        program()

    async def in_stack() -> None:
        # Pulumi keeps its settings in context variables, which end with this task: runs cannot meet.
        settings.configure(
            mocks.MockSettings(
                monitor=monitor,
                engine=mocks.MockEngine(None),
                project=PROJECT,
                stack=STACK,
                dry_run=preview,
                callbacks=None,
            )
        )
        await stack.run_in_stack(main)

    asyncio.run(in_stack())
    return monitor.program


class _Monitor(mocks.MockMonitor):
    def __init__(self, outputs: Outputs, preview: bool) -> None:
        self.program = Program()
        self._outputs = outputs
        self._preview = preview

    def RegisterResource(self, request: pb.RegisterResourceRequest) -> pb.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return pb.RegisterResourceResponse(urn=STACK_URN)
        parent = self.program.resources.get(request.parent)
        resource = Registered(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=_read(request.object),
            provider=request.provider,
            depends_on=frozenset(request.dependencies),
            deleted_with=request.deletedWith or (parent.deleted_with if parent else ""),
            protect=request.protect,
            delete_before_replace=request.deleteBeforeReplace,
            secret_outputs=tuple(request.additionalSecretOutputs),
            ignore_changes=tuple(request.ignoreChanges),
            delete_timeout=request.customTimeouts.delete,
        )
        assert urn not in self.program.resources, f"{urn} is registered twice"
        self.program.resources[urn] = resource
        identity = "" if self._preview or not request.custom else f"{request.name}-id"
        return pb.RegisterResourceResponse(urn=urn, id=identity, object=self._state(resource, request.object))

    def ReadResource(self, request: pb.ReadResourceRequest) -> pb.ReadResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        parent = self.program.resources[request.parent]
        self.program.resources[urn] = resource = Registered(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=True,
            inputs=_read(request.properties),
            provider=request.provider,
            depends_on=frozenset(request.dependencies),
            deleted_with=parent.deleted_with,
            protect=False,
            delete_before_replace=False,
            secret_outputs=tuple(request.additionalSecretOutputs),
            ignore_changes=(),
            delete_timeout="",
            read=True,
        )
        return pb.ReadResourceResponse(urn=urn, properties=self._state(resource, request.properties))

    def RegisterResourceOutputs(self, request: pb.RegisterResourceOutputsRequest) -> empty_pb2.Empty:
        self.program.outputs_registered[request.urn] += 1
        if request.urn == STACK_URN:
            self.program.outputs = _read(request.outputs)
        return empty_pb2.Empty()

    def _state(self, resource: Registered, inputs: struct_pb2.Struct) -> struct_pb2.Struct:
        """The resource's outputs, with the secrets among them marked, as the engine does."""
        added = self._outputs(resource)
        if self._preview:
            added = dict.fromkeys(added, UNKNOWN)
        secret = {key: _wire_secret(added[key]) for key in resource.secret_outputs if key in added}
        return json_format.ParseDict({**json_format.MessageToDict(inputs), **added, **secret}, struct_pb2.Struct())


def _wire_secret(value: Any) -> Properties:
    return {_Wire.SIGNATURE: _Wire.SECRET, "value": value}


def _read(properties: struct_pb2.Struct) -> Properties:
    return cast(Properties, _value(json_format.MessageToDict(properties)))


def _value(wire: Any) -> Any:
    match wire:
        case {_Wire.SIGNATURE: _Wire.SECRET, "value": value}:
            return Secret(_value(value))
        case dict():
            return {key: _value(item) for key, item in cast(Properties, wire).items()}
        case list():
            return [_value(item) for item in cast(list[Any], wire)]
        case float() if wire.is_integer():
            return int(wire)
        case _:
            return wire


def plain_texts(value: Any) -> Iterator[str]:
    """Every text in ``value`` that is no secret, keys among them."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, item in cast(Mapping[str, Any], value).items():
                yield key
                yield from plain_texts(item)
        case list():
            for item in cast(list[Any], value):
                yield from plain_texts(item)
        case _:
            return


def revealed(value: Any) -> Any:
    """``value`` with the secrets in it as plain values."""
    match value:
        case Secret():
            return revealed(value.value)
        case dict():
            return {key: revealed(item) for key, item in cast(Properties, value).items()}
        case list():
            return [revealed(item) for item in cast(list[Any], value)]
        case _:
            return value
