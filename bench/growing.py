"""A mesh of many VMs that nothing runs: the talk's config and recorded state, with its VM and route copied."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from settings import PROJECT
from settings.application import bookinfo
from tests.preview import recording
from tests.preview.conftest import DEV

_OWN = re.compile(r"::(vm1|details|cluster\d-details)(-[^:]*)?$")
"""The end of the URNs of what belongs to the VM and its service."""
# A VM and the service that it runs; not the names of files of the program.
_NAMES = re.compile(r"\b(vm1|details)\b")
_SCRIPTS = ("create", "update", "delete")


def _renamed(number: int) -> Callable[[str], str]:
    """The names of the VM and its service in a text, with a number of their own."""
    return lambda text: _NAMES.sub(lambda name: f"{name[1].rstrip('1')}{number}", text)


def config(count: int) -> dict[str, Any]:
    """The talk's config with ``count`` VMs, each with a service and a route of its own."""
    found = copy.deepcopy(DEV)
    keys = {name: f"{PROJECT}:{name}" for name in ("stages", "routes", "vms", "application")}
    image = recording.load()[1]["images"]["details-v1"]
    application: dict[str, Any] = bookinfo()
    for number in range(2, count + 1):
        renamed = _renamed(number)
        for key in ("stages", "routes", "vms"):
            ((name, value),) = DEV[keys[key]].items()
            found[keys[key]][renamed(name)] = _keys_too(value, renamed)
        application[f"details{number}"] = {"versions": {"v1": {"image": renamed(image)}}}
    return {**found, keys["application"]: application} if count > 1 else found


def resources(count: int) -> list[recording.Resource]:
    """The state of that mesh, as it would be after its update."""
    recorded, _ = recording.load()
    own = [it for it in recorded if _OWN.search(it["urn"])]
    copies = [_copied(it, _renamed(number)) for number in range(2, count + 1) for it in own]
    return [*recorded, *copies]


def _copied(resource: recording.Resource, renamed: Callable[[str], str]) -> recording.Resource:
    """The same resource of another VM. The scripts that it runs are the same."""
    found = _keys_too(resource, renamed)
    for values in ("inputs", "outputs"):
        for script in _SCRIPTS:
            if script in resource.get(values, {}):
                found[values][script] = resource[values][script]
    return found


def _keys_too(value: Any, renamed: Callable[[str], str]) -> Any:
    def keys(inner: Any) -> Any:
        match inner:
            case dict():
                return {renamed(str(key)): keys(item) for key, item in inner.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            case list():
                return [keys(item) for item in inner]  # pyright: ignore[reportUnknownVariableType]
            case _:
                return inner

    return keys(recording.texts_replaced(value, renamed))
