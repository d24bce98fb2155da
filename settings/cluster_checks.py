"""What clusters must be to each other, and the keys of one to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.clusters import ExistingSettings
from settings.entries import at_most_one, object_in, objects_in, repeated, value_of
from settings.mistakes import KeyPath, Mistake


def mistakes_in_clusters(clusters: Mapping[str, Any]) -> Iterator[Mistake]:
    """What two clusters share, and what a cluster is given twice. As in :class:`settings.checks.CrossChecks`."""
    contexts: list[tuple[KeyPath, object]] = []
    ports: list[tuple[KeyPath, object]] = []
    for name, cluster in objects_in(clusters).items():
        path = ("clusters", name)
        yield from at_most_one(path, cluster, ("kind", "existing"))
        existing = object_in(cluster.get("existing"))
        if "context" in existing:
            contexts.append(((*path, "existing", "context"), f"{_source(existing)}#{existing['context']}"))
        yield from _in_existing((*path, "existing"), existing)
        ports.append(((*path, "kind", "ingressPort"), object_in(cluster.get("kind")).get("ingressPort")))
    yield from repeated(contexts, "is the same cluster as")
    yield from repeated(ports, "is the same port as")


def _in_existing(path: KeyPath, existing: Mapping[str, Any]) -> Iterator[Mistake]:
    if "stackReference" in existing and "kubeconfig" in existing:
        yield path, "has both 'kubeconfig' and 'stackReference'; keep the one that the kubeconfig is in"
    if "output" in existing and "stackReference" not in existing:
        yield (*path, "output"), "is an output of no stack; name the stack with 'stackReference'"
    gateway = object_in(existing.get("gateway"))
    kind = gateway.get("serviceType")
    if kind in ("NodePort", "ClusterIP") and gateway.get("externalIPs", []) == []:
        yield (*path, "gateway", "externalIPs"), f"is missing; nothing gives a Service of type {kind} an address"


def _source(existing: Mapping[str, Any]) -> str:
    """Where the kubeconfig of an existing cluster is."""
    if "stackReference" in existing:
        return f"{existing['stackReference']}#{value_of(existing, 'output', ExistingSettings)}"
    return str(value_of(existing, "kubeconfig", ExistingSettings))
