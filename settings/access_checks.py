"""What rules of access must be to the rest of a config."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from settings.entries import items_in, object_in, objects_in, repeated, texts_in, unknown
from settings.mistakes import KeyPath, Mistake
from settings.names import INGRESS


def mistakes_in_access(
    access: Mapping[str, Any],
    application: Mapping[str, Any],
    vms: Mapping[str, Any],
    namespaces: Collection[str],
) -> Iterator[Mistake]:
    """Whom and what the rules name, and does not exist. As in :class:`settings.checks.CrossChecks`."""
    path: KeyPath = ("access",)
    services = {*application, *(name for vm in objects_in(vms).values() for name in object_in(vm.get("services")))}
    for service, rules in object_in(access.get("rules")).items():
        here = (*path, "rules", service)
        yield from unknown(here, service, "service in the application or on a VM", services)
        for where, rule in items_in(here, rules):
            for whom, caller in texts_in((*where, "from"), object_in(rule).get("from")):
                yield from _in_caller(whom, caller, application, vms)
    yield from _in_namespaces((*path, "enforced"), access.get("enforced"), namespaces)
    for subject, homes in object_in(access.get("operators")).items():
        yield from _in_namespaces((*path, "operators", subject), homes, namespaces)


def _in_caller(path: KeyPath, caller: str, application: Mapping[str, Any], vms: Mapping[str, Any]) -> Iterator[Mistake]:
    if "/" in caller or caller == "*":
        return
    yield from unknown(path, caller, "VM or service", (*vms, *application, INGRESS))
    kinds = {"the ingress gateway": {INGRESS}, "a VM": vms, "a service": application}
    found = [kind for kind, names in kinds.items() if caller in names]
    if len(found) > 1:
        yield path, f"is {' and '.join(found)}; name the one that it is as 'namespace/account'"


def _in_namespaces(path: KeyPath, given: object, known: Collection[str]) -> Iterator[Mistake]:
    for where, namespace in texts_in(path, given):
        yield from unknown(where, namespace, "namespace of the stack", known)
    yield from repeated(texts_in(path, given), "is the same namespace as")
