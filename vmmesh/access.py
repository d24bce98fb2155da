"""Who may call what, by authorization policies alone.

Policies are matched as Istio's reference of AuthorizationPolicy has it, so what is said here holds in the mesh. All of
the mesh's policies are such that allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from settings import INGRESS, VM_LABEL, Policy, Settings, policies, principal
from vmmesh.stackfile import Misuse, nearest

ANY = "*"


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a service is served: the pods of all clusters, or a VM."""

    service: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    port: int


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What callers may do, or would do. Each of the three may begin or end with a ``*``."""

    caller: str = ANY
    """SPIFFE identity, without its scheme."""
    method: str = ANY
    path: str = ANY

    def covers(self, other: Grant) -> bool:
        """Whether all that the other one allows is allowed by this one too."""
        pairs = ((self.caller, other.caller), (self.method, other.method), (self.path, other.path))
        return all(_within(inner, outer) for outer, inner in pairs)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a call is taken, server by server."""

    caller: str
    service: str
    call: Grant
    at: Mapping[str, bool]

    @property
    def allowed(self) -> bool:
        """Whether every server takes it; where a route sends it does not matter then."""
        return all(self.at.values())


def check(settings: Settings, caller: str, service: str, method: str, path: str) -> Answer:
    """Answers for a caller in a rule's words, by the config alone. Raises Misuse for whom or what there is not."""
    known = [INGRESS, *settings.vms, *settings.application]
    if "/" not in caller and caller not in known:
        raise Misuse(f"there is no VM or service {caller}{nearest(caller, known)}", "or give namespace/account")
    if caller in settings.vms and caller in settings.application:
        raise Misuse(f"{caller} is a VM and a service", "give namespace/account")
    at = servers(settings, service)
    if not at:
        raise Misuse(f"there is no service {service}{nearest(service, settings.services())}")
    call = Grant(caller=principal(settings, caller), method=method.upper(), path=path.partition("?")[0])
    declared = policies(settings)
    answers = {it.name: any(grant.covers(call) for grant in grants(declared, it)) for it in at}
    return Answer(caller=caller, service=service, call=call, at=answers)


def servers(settings: Settings, service: str) -> list[Server]:
    """Everywhere that the service is served; empty if there is no such service."""
    found: list[Server] = []
    if home := settings.application.get(service):
        labels = {"app": service}
        found.append(Server(service=service, name="pods", namespace=home.namespace, labels=labels, port=home.port))
    for name, vm in settings.vms.items():
        if entry := vm.services.get(service):
            labels = {**vm.all_labels(name), VM_LABEL: name}
            found.append(Server(service=service, name=name, namespace=vm.namespace, labels=labels, port=entry.port))
    return found


def every_server(settings: Settings) -> list[Server]:
    """The servers of every service, those of a service together."""
    return [server for name in settings.services() for server in servers(settings, name)]


def grants(declared: Iterable[Policy], server: Server) -> tuple[Grant, ...]:
    """All that callers of a server may do; where no policy is for it, everyone may do everything."""
    those = [policy for policy in declared if _is_for(policy, server)]
    if not those:
        return (Grant(),)
    found = [grant for policy in those for rule in policy.spec.get("rules") or () for grant in _granted(rule, server)]
    return tuple(dict.fromkeys(found))


def show(console: Console, found: Answer) -> None:
    """Prints the answer, and where it differs from server to server."""
    verb = "may" if found.allowed else "may not"
    what = f"{found.call.method} {found.call.path} of {found.service}"
    console.print(Text(f"{found.caller} {verb} {what}"), soft_wrap=True)
    if len({*found.at.values()}) > 1:
        for name, allowed in found.at.items():
            console.print(Text(f"  at {name}: {'allowed' if allowed else 'denied'}"), soft_wrap=True)


def document(stack: str, found: Answer) -> dict[str, Any]:
    """The answer as JSON."""
    call = {"from": found.caller, "to": found.service, "method": found.call.method, "path": found.call.path}
    return {"stack": stack, **call, "identity": found.call.caller, "allowed": found.allowed, "at": dict(found.at)}


def _is_for(policy: Policy, server: Server) -> bool:
    selector: dict[str, dict[str, str]] = policy.spec.get("selector") or {}
    return policy.namespace == server.namespace and selector.get("matchLabels", {}).items() <= server.labels.items()


def _granted(rule: Mapping[str, Any], server: Server) -> list[Grant]:
    """What a rule allows at a server; nothing if it is for other ports."""
    anything: list[dict[str, dict[str, list[str]]]] = [{}]
    sources = [entry.get("source", {}) for entry in rule.get("from") or anything]
    operations = [entry.get("operation", {}) for entry in rule.get("to") or anything]
    return [
        Grant(caller=caller, method=method, path=path)
        for operation in operations
        if str(server.port) in operation.get("ports", [str(server.port)])
        for source in sources
        for caller in source.get("principals", [ANY])
        for method in operation.get("methods", [ANY])
        for path in operation.get("paths", [ANY])
    ]


def _within(inner: str, outer: str) -> bool:
    """Whether all that ``inner`` matches is matched by ``outer``."""
    if outer in (ANY, inner):
        return True
    if outer.endswith(ANY):
        return not inner.startswith(ANY) and inner.startswith(outer[:-1])
    return outer.startswith(ANY) and not inner.endswith(ANY) and inner.endswith(outer[1:])
