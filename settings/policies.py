"""Access as Istio enforces it: the authorization policies that the config's rules are, the same in every cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settings.access import AccessRuleSettings
from settings.names import INGRESS, INGRESS_ACCOUNT, SYSTEM_NAMESPACE, VM_LABEL
from settings.stack import Settings


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An AuthorizationPolicy."""

    name: str
    namespace: str
    spec: Mapping[str, Any]

    @property
    def denies(self) -> bool:
        """Whether it names nobody, so that what has no other policy is not called at all."""
        return not self.spec


def policies(settings: Settings) -> list[Policy]:
    """Every policy of a config: of services in clusters, of VMs, and last of what has no rule.

    One object has all that a workload's callers may, so that no moment is between a rule and the next one.
    """
    denied = [Policy(name="deny.others", namespace=name, spec={}) for name in settings.access.enforced]
    return [*_of_services(settings), *_of_vms(settings), *denied]


def principal(settings: Settings, caller: str) -> str:
    """A caller of a rule as Istio names it: the SPIFFE identity, without its scheme."""
    namespace, slash, account = caller.partition("/")
    if caller == "*":
        return caller
    if not slash:
        namespace, account = _account(settings, caller)
    return f"{settings.mesh.trust_domain}/ns/{namespace}/sa/{account}"


def _account(settings: Settings, name: str) -> tuple[str, str]:
    """Namespace and service account of a VM, a service or the ingress gateway."""
    if name == INGRESS:
        return SYSTEM_NAMESPACE, INGRESS_ACCOUNT
    home = settings.vms.get(name) or settings.application[name]
    return home.namespace, name


def _of_services(settings: Settings) -> Iterator[Policy]:
    for name, service in settings.application.items():
        if name in settings.access.rules:
            rules = _rules(settings, settings.access.rules[name], service.port)
            yield _policy(name, service.namespace, {"app": name}, rules)


def _of_vms(settings: Settings) -> Iterator[Policy]:
    """One policy a VM, which tells its services apart by their ports.

    A policy closes all of a workload, so a service without rules is opened again where that is not to be.
    """
    rules = settings.access.rules
    for name, vm in settings.vms.items():
        if not rules.keys() & vm.services.keys():
            continue
        found: list[dict[str, Any]] = []
        for service, entry in vm.services.items():
            if service in rules:
                found += _rules(settings, rules[service], entry.port)
            elif vm.namespace not in settings.access.enforced:
                found.append({"to": [{"operation": {"ports": [str(entry.port)]}}]})
        # No service has a dot in its name.
        yield _policy(f"vm.{name}", vm.namespace, {VM_LABEL: name}, found)


def _policy(name: str, namespace: str, labels: Mapping[str, str], rules: Sequence[Mapping[str, Any]]) -> Policy:
    spec = {"selector": {"matchLabels": labels}, "action": "ALLOW", "rules": list(rules)}
    return Policy(name=name, namespace=namespace, spec=spec)


def _rules(settings: Settings, rules: Sequence[AccessRuleSettings], port: int) -> list[dict[str, Any]]:
    return [
        {
            "from": [{"source": {"principals": [principal(settings, caller) for caller in rule.callers]}}],
            "to": [
                {
                    "operation": {
                        "ports": [str(port)],
                        **({"methods": list(rule.methods)} if rule.methods else {}),
                        **({"paths": list(rule.paths)} if rule.paths else {}),
                    }
                }
            ],
        }
        for rule in rules
    ]
