"""What no stack may declare: pure rules over resources, for the policy pack and for the command line alike.

This file imports nothing of the project, so that the folder is a policy pack by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine has in a preview for what only the update will know (sdk/go/common/resource/plugin/rpc.go)."""

VM_LABEL = "vm-mesh/vm"
_SYSTEM = "istio-system"
_LOCAL = ".svc.cluster.local"
# Tags whose image is another one tomorrow, by custom.
_FLOATING = ("latest", "stable", "edge", "nightly", "main", "master", "dev", "develop", "head", "canary")
# What Istio's injection replaces.
_INJECTED = "auto"
# What the sidecar's traffic redirection takes, as Istio's own init container does.
_CAPABILITIES = ("NET_ADMIN", "NET_RAW")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as the engine plans it. ``parent`` and ``provider`` are URNs."""

    urn: str
    type: str
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    parent: str = ""
    provider: str = ""

    @property
    def name(self) -> str:
        """The name that the program gave it."""
        return self.urn.rpartition("::")[2]

    @property
    def kind(self) -> str:
        """The last part of its type."""
        return self.type.rpartition(":")[2]

    def at(self, path: str) -> Any:
        """The input at ``path``, such as ``spec.mtls.mode``; None if there is none, or if it is unknown yet."""
        value: Any = self.inputs
        for step in path.split("."):
            value = _object(value).get(step)
        return None if value == UNKNOWN else value


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A rule that a resource breaks. ``message`` says what is wrong and what to do, and holds no secret."""

    rule: str
    urn: str
    message: str


Rule = Callable[[Resource], Iterator[str]]
StackRule = Callable[[Sequence[Resource]], Iterator[tuple[str, str]]]


def strict_mtls(resource: Resource) -> Iterator[str]:
    """No plain text: STRICT in every PeerAuthentication, and no other TLS than Istio's between services."""
    if resource.kind == "PeerAuthentication":
        modes = [resource.at("spec.mtls.mode")]
        modes += [_object(port).get("mode") for port in _object(resource.at("spec.portLevelMtls")).values()]
        for mode in modes:
            if mode not in (None, "UNSET", "STRICT"):
                yield f"mTLS is {mode}, so that callers without a certificate are let in; set it to STRICT"
    elif resource.kind == "DestinationRule" and str(resource.at("spec.host") or "").endswith(_LOCAL):
        for policy in _traffic_policies(resource):
            mode = _object(policy.get("tls")).get("mode")
            if mode not in (None, "ISTIO_MUTUAL"):
                yield f"calls of {resource.at('spec.host')} have TLS mode {mode}; set it to ISTIO_MUTUAL"


def _traffic_policies(rule: Resource) -> Iterator[Mapping[str, Any]]:
    for holder in (_object(rule.at("spec")), *_objects(rule.at("spec.subsets"))):
        policy = _object(holder.get("trafficPolicy"))
        yield policy
        yield from _objects(policy.get("portLevelSettings"))


def whole_weights(resource: Resource) -> Iterator[str]:
    """The weights of each route of a VirtualService add up to 100."""
    if resource.kind != "VirtualService":
        return
    for protocol in ("http", "tcp", "tls"):
        for index, entry in enumerate(_objects(resource.at(f"spec.{protocol}"))):
            weights = [destination.get("weight") for destination in _objects(entry.get("route"))]
            total = sum(weight for weight in weights if isinstance(weight, int | float))
            if weights and weights != [None] and UNKNOWN not in weights and total != 100:
                yield f"the weights of spec.{protocol}[{index}] add up to {total:g}, must be 100"


def pinned_images(resource: Resource) -> Iterator[str]:
    """Every image has a digest, or a tag that is not one of those that move on."""
    for image in images(resource):
        name, _, digest = image.partition("@")
        _, colon, tag = name.rpartition("/")[2].partition(":")
        if not digest and (not colon or tag in _FLOATING):
            yield f"the image {image} is not pinned: it may be another one tomorrow; give it a version or a digest"


def images(resource: Resource) -> Iterator[str]:
    """The images that a resource runs, as far as they are known: VM, node, pods, Istio's charts."""
    found: list[object] = []
    if resource.type == "docker:index/container:Container":
        found.append(resource.at("image"))
    elif resource.type == "command:local:Command":
        found.append(resource.at("environment.IMAGE"))
        found += str(resource.at("environment.IMAGES") or "").split()
    elif resource.kind == "Release":
        tag, hub = resource.at("values.global.tag"), resource.at("values.global.hub")
        found.append(f"{hub}/pilot:{tag}" if tag else None)
    elif resource.type.startswith("kubernetes:"):
        for pod in ("spec", "spec.template.spec", "spec.jobTemplate.spec.template.spec"):
            for list_of in ("initContainers", "containers"):
                found += [container.get("image") for container in _objects(resource.at(f"{pod}.{list_of}"))]
    yield from (image for image in found if isinstance(image, str) and image not in ("", UNKNOWN, _INJECTED))


def unprivileged_vms(resource: Resource) -> Iterator[str]:
    """A container VM has no more of its host than its own network needs."""
    if resource.type != "docker:index/container:Container":
        return
    if resource.at("privileged") is True:
        yield "the VM is privileged, so it has all of its host; take `privileged` away"
    for capability in _texts(resource.at("capabilities.adds")):
        if capability.upper().removeprefix("CAP_") not in _CAPABILITIES:
            yield f"the VM has the capability {capability}; it may have {' and '.join(_CAPABILITIES)} only"
    for key in ("networkMode", "pidMode", "ipcMode", "usernsMode"):
        if resource.at(key) == "host":
            yield f"the VM shares its host's {key.removesuffix('Mode')}; take `{key}` away"
    sources = [volume.get("hostPath") for volume in _objects(resource.at("volumes"))]
    sources += [mount.get("source") for mount in _objects(resource.at("mounts")) if mount.get("type") == "bind"]
    for source in sources:
        if source in ("/", "/proc", "/sys", "/dev", "/etc", "/root") or str(source).endswith("docker.sock"):
            yield f"the VM has its host's {source}; do not mount it"


def mesh_wide_strict(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """Every cluster with a control plane has STRICT for the whole mesh."""
    strict = {
        it.provider
        for it in resources
        if it.kind == "PeerAuthentication"
        and it.at("metadata.namespace") == _SYSTEM
        and it.at("spec.mtls.mode") == "STRICT"
        and not it.at("spec.selector")
    }
    for it in resources:
        if it.kind == "Release" and it.at("name") == "istiod" and it.provider not in strict:
            yield it.urn, f"its cluster has no PeerAuthentication in {_SYSTEM} that makes mTLS STRICT for the mesh"


def equal_weights(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """A route divides its calls alike in every cluster."""
    first: dict[tuple[str, ...], Resource] = {}
    for it in resources:
        if it.kind != "VirtualService" or not splits(it):
            continue
        key = (str(it.at("metadata.namespace")), str(it.at("metadata.name")), *_texts(it.at("spec.hosts")))
        other = first.setdefault(key, it)
        if splits(other) != splits(it):
            yield it.urn, f"its weights are not those of {other.name}; a route's weights are the same in every cluster"


def destinations_exist(resources: Sequence[Resource]) -> Iterator[tuple[str, str]]:
    """No weight, match or copy is for a Service that is in no cluster: its calls would be answered by 503."""
    there = {service_host(it) for it in resources if it.kind == "Service"}
    for it in resources:
        for split in splits(it) if it.kind == "VirtualService" else ():
            for (host, _), weight in split.items():
                if weight and host.endswith(_LOCAL) and host not in there:
                    yield it.urn, f"{weight:g}% of the calls go to {host}, which is in no cluster"
        for what, host in _beside_weights(it) if it.kind == "VirtualService" else ():
            if host.endswith(_LOCAL) and host not in there:
                yield it.urn, f"{what} go to {host}, which is in no cluster"


def service_host(service: Resource) -> str:
    """Full name of a Service, as routes name it."""
    return f"{service.at('metadata.name')}.{service.at('metadata.namespace')}{_LOCAL}"


def splits(virtual_service: Resource) -> list[dict[tuple[str, str], float]]:
    """What a VirtualService for the mesh's own callers divides: for each such entry, host and subset -> percent.

    An entry of one destination divides nothing: it has what a condition holds for.
    """
    entries = [_objects(entry.get("route")) for entry in _entries(virtual_service)]
    return [
        {_place(it): weight for it in entry if isinstance(weight := it.get("weight"), int | float)}
        for entry in entries
        if len(entry) > 1
    ]


def _beside_weights(virtual_service: Resource) -> Iterator[tuple[str, str]]:
    """What goes somewhere for another reason than a weight, and the host that it goes to."""
    for entry in _entries(virtual_service):
        routes = _objects(entry.get("route"))
        if entry.get("match") and len(routes) == 1:
            yield "calls that match", _place(routes[0])[0]
        for mirror in _objects(entry.get("mirrors")):
            yield "copies of calls", _place(mirror)[0]


def _entries(virtual_service: Resource) -> list[Mapping[str, Any]]:
    """The HTTP entries of a VirtualService that is for the mesh's own callers."""
    gateways = _texts(virtual_service.at("spec.gateways"))
    return [] if gateways and "mesh" not in gateways else _objects(virtual_service.at("spec.http"))


def _place(route: Mapping[str, Any]) -> tuple[str, str]:
    destination = _object(route.get("destination"))
    return str(destination.get("host", "")), str(destination.get("subset", ""))


RULES: Mapping[str, Rule] = {
    "strict-mtls": strict_mtls,
    "weights-add-up": whole_weights,
    "images-pinned": pinned_images,
    "vms-unprivileged": unprivileged_vms,
}
"""Rules of single resources, which hold before each of them is touched."""

STACK_RULES: Mapping[str, StackRule] = {
    "strict-mtls-mesh-wide": mesh_wide_strict,
    "weights-equal": equal_weights,
    "destinations-exist": destinations_exist,
}
"""Rules of resources to each other."""


def violations(resources: Iterable[Resource]) -> list[Violation]:
    """Every rule that these resources, a whole stack, break."""
    declared = list(resources)
    found = [
        Violation(rule=name, urn=it.urn, message=message)
        for it in declared
        for name, rule in RULES.items()
        for message in rule(it)
    ]
    found += [
        Violation(rule=name, urn=urn, message=message)
        for name, rule in STACK_RULES.items()
        for urn, message in rule(declared)
    ]
    return found


def _object(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [_object(item) for item in cast("list[Any]", value)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in cast("list[Any]", value) if isinstance(item, str)] if isinstance(value, list) else []
