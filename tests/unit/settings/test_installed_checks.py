"""What a config must be that adds to a mesh which another stack has made."""

from __future__ import annotations

from typing import Any

from settings import load
from tests.unit.settings.support import changed, errors

INSTALLED: dict[str, Any] = {
    "mesh": {"installed": True},
    "clusters": {
        "there": {
            "network": "network1",
            "existing": {"context": "there", "gateway": {"address": "there.example.com"}},
        }
    },
    "application": {"details": {"namespace": "team", "versions": {"v1": {}}}},
    "routes": {
        "details": {"namespace": "team", "callers": {"namespaces": ["shop"]}, "stages": {"pods": {"there": 100}}}
    },
    "stages": {"details": "pods"},
}


def test_namespaces_of_callers_are_those_of_other_stacks() -> None:
    settings = load(INSTALLED)
    assert settings.namespaces() == ["shop", "team"]
    assert settings.namespaces_in("there") == ["team"]
    made = {"mesh": {}, "access": {"enforced": ["shop"]}, "istio": {"namespaces": {"shop": "default"}}}
    assert load({**INSTALLED, **made}).namespaces_in("there") == ["shop", "team"]


def test_nothing_is_put_into_namespaces_of_other_stacks() -> None:
    config = changed("access", {"enforced": ["shop"], "operators": {"group:books": ["shop"]}}, INSTALLED)
    assert errors({**config, "istio": {"namespaces": {"shop": "default"}}}) == tuple(
        f'vm-mesh:{path}: there is no namespace of the stack "shop"; known: "team"'
        for path in ("access.enforced[0]", 'access.operators["group:books"][0]', "istio.namespaces.shop")
    )


def test_what_serves_modules_to_pods_is_not_made_twice() -> None:
    vm = {"cluster": "there", "services": {"details": {"port": 9080}}, "probe": {"tcp": {"port": 9080}}}
    file = {"module": "header.wasm", "sha256": 64 * "0"}
    config = {**INSTALLED, "vms": {"vm1": vm}, "extensions": {"header": file}}
    refused = (
        "vm-mesh:extensions.header.module: must be an image or a URL with mesh.installed, but for VMs alone: what "
        "serves files to pods is there once in a cluster, and may be another stack's",
    )
    assert errors(config) == refused
    assert errors(changed("extensions/header/workloads", {"services": ["details"]}, config)) == refused
    load(changed("extensions/header/workloads", {"vms": ["vm1"]}, config))
    load(changed("extensions/header/module", "https://files.example.com/header.wasm", config))
