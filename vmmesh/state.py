"""What a stack's state says, as :meth:`vmmesh.stack.Stack.export` gives it with its secrets readable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from vmmesh.urns import cluster_of, resource_name

_PROVIDER = "pulumi:providers:kubernetes"
_WRAPPED = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi knows what it has put around a value."""


def outputs(state: Mapping[str, Any]) -> dict[str, Any]:
    """The stack's outputs; none before the first update has come to its end."""
    for resource in state.get("resources", []):
        if resource["type"] == "pulumi:pulumi:Stack":
            return _plain(resource.get("outputs", {}))
    return {}


def providers(state: Mapping[str, Any]) -> dict[str, str]:
    """Kubeconfigs by their providers, as resources refer to these."""
    return {
        f"{resource['urn']}::{resource['id']}": _plain(resource["inputs"]["kubeconfig"])
        for resource in state.get("resources", [])
        if resource["type"] == _PROVIDER and "kubeconfig" in resource.get("inputs", {})
    }


def kubeconfigs(state: Mapping[str, Any]) -> dict[str, str]:
    """Kubeconfigs by the names of their clusters: of all that the stack holds something in."""
    return {cluster_of(provider): kubeconfig for provider, kubeconfig in providers(state).items()}


def kubeconfig_digest(state: Mapping[str, Any], cluster: str) -> str | None:
    """What tells the file in which a cluster's kubeconfig was read last from another one; None: it was in no file."""
    for resource in state.get("resources", []):
        if resource["type"] == "command:local:Command" and resource_name(resource["urn"]) == f"{cluster}-kubeconfig":
            return _plain(resource["inputs"]["environment"]).get("DIGEST")
    return None


def _plain(value: Any) -> Any:
    """A value without what Pulumi has put around the secrets in it."""
    if isinstance(value, list):
        return [_plain(it) for it in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    entry = cast("dict[str, Any]", value)
    if _WRAPPED in entry:
        return _plain(json.loads(entry["plaintext"]))
    return {key: _plain(it) for key, it in entry.items()}
