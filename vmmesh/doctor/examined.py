"""A cluster, as the doctor's checks ask it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vmmesh.kubectl import kubectl, run

SYSTEM = "istio-system"
LOGS = f"see kubectl --namespace {SYSTEM} logs deployment/"


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A cluster of a mesh, and the names of the others, whose endpoints it reads."""

    kubeconfig: Path
    others: Sequence[str]
    istio: str
    """Version that the toolchain has."""
    application: bool = True
    """Whether it takes part in the application."""
    networks: Mapping[str, str] = field(default_factory=dict[str, str])
    """Those of the others that it calls something of -> their network."""
    keyless: bool = False
    """Whether it is told of the others by entries; else it reads them, by remote secrets."""

    def kubectl(self, *arguments: str) -> Any:
        """The JSON that kubectl prints. Raises Unreachable."""
        return json.loads(run(kubectl(self.kubeconfig, *arguments)))

    def get(self, kind: str, *selectors: str, namespace: str = SYSTEM) -> list[dict[str, Any]]:
        """Objects of a namespace, by default Istio's own."""
        return self.kubectl("get", kind, f"--namespace={namespace}", *selectors, "--output=json")["items"]

    def named(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object of Istio's own namespace, if it is there."""
        return next(iter(self.get(kind, f"--field-selector=metadata.name={name}")), None)


def ready_pods(deployment: Mapping[str, Any]) -> tuple[str, int, int]:
    """Name of a deployment, its pods that are ready, and those that there are to be."""
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    return deployment["metadata"]["name"], ready, deployment["spec"].get("replicas", 1)
