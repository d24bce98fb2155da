"""``docker:index/network:Network``."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from typing_extensions import override

from toolchain.plugins.docker import schema
from toolchain.plugins.docker.engine import Client, Engine, MissingError, doing
from toolchain.plugins.docker.schema import Property
from toolchain.plugins.resource import Check, Diff, Operation, OperationError, Resource
from toolchain.plugins.values import Properties

if TYPE_CHECKING:
    from docker.types import IPAMConfig

_INPUTS: schema.Schema = {
    "attachable": Property(),
    "driver": Property(computed=True),
    "internal": Property(computed=True),
    "ipamConfigs": Property(computed=True, unordered=True, keys=frozenset({"subnet", "gateway"})),
    "ipamDriver": Property(default="default"),
    "ipv6": Property(),
    "labels": Property(unordered=True, keys=frozenset({"label", "value"})),
    "name": Property(),
    "options": Property(computed=True),
}
_OUTPUTS = ("scope",)
_REMOVAL_SECONDS = 30


class Network(Resource):
    """A network. Every change replaces it."""

    properties = (*_INPUTS, *_OUTPUTS)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    def check(self, name: str, olds: Properties, news: Properties, seed: bytes) -> Check:
        return schema.check(_INPUTS, name, olds, news, seed)

    @override
    def diff(self, inputs: Properties, outputs: Properties, news: Properties) -> Diff:
        return Diff(schema.differences(_INPUTS, outputs, news), delete_before_replace=schema.named(news))

    @override
    def create(self, operation: Operation, news: Properties) -> tuple[str, Properties]:
        if operation.preview:
            return "", schema.unknown(_INPUTS, _OUTPUTS, news)
        with self._engine.client() as client:
            with doing("Unable to create network"):
                made = client.create_network(
                    news["name"],
                    driver=news.get("driver"),
                    options=news.get("options"),
                    ipam=_ipam(news),
                    check_duplicate=True,
                    internal=news.get("internal", False),
                    labels={label["label"]: label["value"] for label in news.get("labels", [])},
                    enable_ipv6=news.get("ipv6", False),
                    attachable=news.get("attachable"),
                )
            return made["Id"], _inspect(client, made["Id"])

    @override
    def read(self, identity: str, inputs: Properties, outputs: Properties) -> tuple[Properties, Properties] | None:
        try:
            with self._engine.client() as client:
                outputs = _inspect(client, identity)
        except MissingError:
            return None
        return schema.adopted(_INPUTS, inputs, outputs), outputs

    @override
    def update(self, operation: Operation, identity: str, outputs: Properties, news: Properties) -> Properties:
        return schema.planned(_INPUTS, outputs, news)

    @override
    def delete(self, operation: Operation, identity: str, outputs: Properties) -> None:
        deadline = time.monotonic() + _REMOVAL_SECONDS
        with contextlib.suppress(MissingError), self._engine.client() as client:
            while True:
                try:
                    with doing(f"deleting {operation.name}"):
                        client.remove_network(identity)
                        return
                except OperationError as error:
                    # A container that is about to go may still be in it.
                    if "has active endpoints" not in str(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(1)


def _ipam(inputs: Properties) -> IPAMConfig:
    from docker.types import IPAMConfig, IPAMPool

    pools: list[Properties] = inputs.get("ipamConfigs", [])
    return IPAMConfig(
        inputs["ipamDriver"], [IPAMPool(pool.get("subnet"), gateway=pool.get("gateway")) for pool in pools]
    )


def _inspect(client: Client, identity: str) -> Properties:
    found: Properties = client.inspect_network(identity)
    pools: list[Properties] = found["IPAM"]["Config"] or []
    labels: dict[str, str] = found["Labels"] or {}
    return {
        "name": found["Name"],
        "attachable": found["Attachable"],
        "driver": found["Driver"],
        "internal": found["Internal"],
        "ipamConfigs": [{key.lower(): pool[key] for key in ("Subnet", "Gateway") if pool.get(key)} for pool in pools],
        "ipamDriver": found["IPAM"]["Driver"],
        "ipv6": found["EnableIPv6"],
        "labels": [{"label": label, "value": value} for label, value in sorted(labels.items())],
        "options": found["Options"] or {},
        "scope": found["Scope"],
    }
