"""What is read off a state, as the CLI writes one with its secrets."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.vmmesh.support import urn
from vmmesh.state import kubeconfigs, outputs, providers


def secret(value: Any) -> dict[str, str]:
    """A value as Pulumi puts it into a state."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def provider(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    kind = f"pulumi:providers:{kind}"
    return {"type": kind, "urn": urn(kind, name), "id": f"id-of-{name}", "inputs": inputs}


STATE: dict[str, Any] = {
    "resources": [
        {
            "type": "pulumi:pulumi:Stack",
            "urn": urn("pulumi:pulumi:Stack", "vm-mesh-dev"),
            "outputs": {
                "stages": {"details": "canary"},
                "kubeconfigs": {"cluster1": secret("a kubeconfig"), "cluster2": "in clear"},
                "all": secret([{"inner": secret("text")}, 1, None]),
            },
        },
        provider("kubernetes", "cluster1-kubernetes", kubeconfig=secret("a kubeconfig")),
        provider("kubernetes", "cluster2-kubernetes", kubeconfig="in clear"),
        provider("kubernetes", "default_4_34_2"),
        provider("command", "default_1_2_1"),
    ]
}


def test_outputs_are_without_what_keeps_them_secret() -> None:
    assert outputs(STATE) == {
        "stages": {"details": "canary"},
        "kubeconfigs": {"cluster1": "a kubeconfig", "cluster2": "in clear"},
        "all": [{"inner": "text"}, 1, None],
    }


def test_kubeconfigs_are_found_by_their_providers_and_by_their_clusters() -> None:
    first, second = (urn("pulumi:providers:kubernetes", f"{name}-kubernetes") for name in ("cluster1", "cluster2"))
    assert providers(STATE) == {
        f"{first}::id-of-cluster1-kubernetes": "a kubeconfig",
        f"{second}::id-of-cluster2-kubernetes": "in clear",
    }
    assert kubeconfigs(STATE) == {"cluster1": "a kubeconfig", "cluster2": "in clear"}


def test_a_stack_that_was_just_made_has_neither() -> None:
    assert (outputs({}), kubeconfigs({})) == ({}, {})
