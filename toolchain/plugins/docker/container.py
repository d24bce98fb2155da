"""``docker:index/container:Container``."""

from __future__ import annotations

import contextlib
from typing import Any, cast

from typing_extensions import override

from toolchain.plugins.docker import schema
from toolchain.plugins.docker.engine import Client, Engine, MissingError, doing
from toolchain.plugins.docker.schema import Property
from toolchain.plugins.docker.translation import MEBIBYTE, creation, description
from toolchain.plugins.resource import Check, Diff, Operation, OperationError, PartialFailureError, Resource
from toolchain.plugins.values import UNKNOWN, Properties

_INPUTS: schema.Schema = {
    "capabilities": Property(unordered=True, keys=frozenset({"adds", "drops"})),
    "command": Property(computed=True),
    "destroyGraceSeconds": Property(replaces=False),
    "dns": Property(unordered=True),
    "entrypoints": Property(computed=True),
    "envs": Property(computed=True, unordered=True),
    "healthcheck": Property(
        computed=True,
        keys=frozenset({"tests", "interval", "timeout", "startPeriod", "retries"}),
        fills={"interval": "0s", "timeout": "0s", "startPeriod": "0s", "startInterval": "0s", "retries": 0},
    ),
    "hostname": Property(computed=True),
    "hosts": Property(unordered=True, keys=frozenset({"host", "ip"})),
    "image": Property(),
    "init": Property(replaces=False, computed=True),
    "labels": Property(computed=True, unordered=True, keys=frozenset({"label", "value"})),
    "memory": Property(replaces=False),
    "mounts": Property(unordered=True, keys=frozenset({"target", "source", "type", "readOnly"})),
    "mustRun": Property(replaces=False, default=True),
    "name": Property(),
    "networkMode": Property(default="bridge"),
    "networksAdvanced": Property(unordered=True, keys=frozenset({"name", "aliases", "ipv4Address"})),
    "ports": Property(
        unordered=True,
        keys=frozenset({"internal", "external", "ip", "protocol"}),
        fills={"ip": "0.0.0.0", "protocol": "tcp"},  # noqa: S104
    ),
    "privileged": Property(),
    "restart": Property(replaces=False, default="no"),
    "rm": Property(replaces=False, default=False),
    "stopSignal": Property(computed=True),
    "stopTimeout": Property(computed=True),
    "sysctls": Property(),
    "tmpfs": Property(replaces=False),
    "user": Property(computed=True),
    "volumes": Property(
        unordered=True,
        keys=frozenset({"containerPath", "hostPath", "volumeName", "readOnly", "fromContainer", "selinuxRelabel"}),
    ),
}
_OUTPUTS = ("bridge", "containerLogs", "exitCode", "networkDatas")


class Container(Resource):
    """A container that is made, started, and kept as its inputs say."""

    properties = (*_INPUTS, *_OUTPUTS)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @override
    def check(self, name: str, olds: Properties, news: Properties, seed: bytes) -> Check:
        return schema.check(_INPUTS, name, olds, news, seed)

    @override
    def diff(self, inputs: Properties, outputs: Properties, news: Properties) -> Diff:
        found = schema.differences(_INPUTS, outputs, _with_ports(news, outputs, None))
        return Diff(found, delete_before_replace=True)

    @override
    def create(self, operation: Operation, news: Properties) -> tuple[str, Properties]:
        if operation.preview:
            return "", schema.unknown(_INPUTS, _OUTPUTS, _with_ports(news, {}, UNKNOWN))
        given = schema.settled(news)
        with self._engine.client() as client:
            _pull_if_absent(client, given["image"], operation)
            with doing("Unable to create container"):
                identity = client.create_container_from_config(creation(given), given["name"])["Id"]
            try:
                _connect(client, identity, given)
                with doing("Unable to start container"):
                    client.start(identity)
            except OperationError as error:
                raise PartialFailureError(identity, given, f"creating {operation.name}: {error}") from error
            return identity, description(client.inspect_container(identity), given)

    @override
    def read(self, identity: str, inputs: Properties, outputs: Properties) -> tuple[Properties, Properties] | None:
        try:
            with self._engine.client() as client:
                found = client.inspect_container(identity)
        except MissingError:
            return None
        if found["Id"] != identity:  # It is the name of another.
            return None
        outputs = description(found, outputs)
        return schema.adopted(_INPUTS, inputs, outputs), outputs

    @override
    def update(self, operation: Operation, identity: str, outputs: Properties, news: Properties) -> Properties:
        planned = schema.planned(_INPUTS, outputs, news)
        if not operation.preview:
            try:
                with self._engine.client() as client:
                    _change(client, identity, outputs, planned)
            except OperationError as error:
                raise PartialFailureError(identity, planned, f"updating {operation.name}: {error}") from error
        return planned

    @override
    def delete(self, operation: Operation, identity: str, outputs: Properties) -> None:
        with contextlib.suppress(MissingError), self._engine.client() as client:
            with doing(f"Error stopping container {identity}"):
                client.stop(identity, timeout=outputs.get("destroyGraceSeconds") or 0)
            try:
                with doing(f"Error deleting container {identity}"):
                    client.remove_container(identity, v=True, force=True)
            except OperationError as error:
                if "is already in progress" not in str(error):
                    raise
            with doing(f"Error waiting for container removal '{identity}'"):
                client.wait(identity, condition="removed" if outputs.get("rm") else "not-running")


def _pull_if_absent(client: Client, image: str, operation: Operation) -> None:
    from docker.utils import parse_repository_tag

    try:
        with doing():
            client.inspect_image(image)
    except MissingError:
        operation.log(f"pulling {image}")
        repository, tag = parse_repository_tag(image)
        with doing(f"Unable to create container with image {image}: unable to pull image {image}"):
            client.pull(repository, tag or "latest")


def _connect(client: Client, identity: str, inputs: Properties) -> None:
    networks: list[Properties] = inputs.get("networksAdvanced", [])
    if networks:
        try:
            with doing("Unable to disconnect the default network"):
                client.disconnect_container_from_network(identity, "bridge")
        except OperationError as error:
            if "is not connected" not in str(error):
                raise
    for network in networks:
        with doing(f"Unable to connect to network '{network['name']}'"):
            client.connect_container_to_network(
                identity,
                network["name"],
                aliases=network.get("aliases"),
                ipv4_address=network.get("ipv4Address"),
            )


def _change(client: Client, identity: str, old: Properties, new: Properties) -> None:
    """Does of an update what the official plugin does. Other changes it takes note of, and does nothing."""
    if new["mustRun"] and not old.get("mustRun"):
        with doing("Unable to start container"):
            client.start(identity)
    if any((old.get(key) or 0) != (new.get(key) or 0) for key in ("restart", "memory")):
        with doing("Unable to update a container"):
            client.update_container(
                identity,
                mem_limit=new.get("memory", 0) * MEBIBYTE,
                restart_policy={"Name": new["restart"], "MaximumRetryCount": 0},
            )


def _with_ports(news: Properties, outputs: Properties, otherwise: Any) -> Properties:
    """The inputs, with the ports that Docker chose, or ``otherwise``, where it is left to it."""
    ports: Any = news.get("ports")
    if not isinstance(ports, list):
        return news

    def key(port: Properties) -> tuple[Any, Any]:
        return port.get("internal"), port.get("protocol")

    before: list[Properties] = outputs.get("ports", [])
    chosen = {key(port): port.get("external") for port in before}
    filled = [{"external": chosen.get(key(port), otherwise), **port} for port in cast(list[Properties], ports)]
    return news | {"ports": filled}
