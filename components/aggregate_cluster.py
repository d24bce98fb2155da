"""Envoy's aggregate cluster, which asks the first of several clusters that is well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_UNLIMITED = 2**32 - 1  # as Istio has it for every cluster of its own


def aggregate_in_place_of(name: str, members: Sequence[str], host: str) -> list[dict[str, Any]]:
    """Patches of an EnvoyFilter: an aggregate of ``members`` instead of the cluster ``name``, which is of ``host``."""
    service, namespace = host.split(".")[:2]
    value = {
        "name": name,
        "connectTimeout": "1s",
        "lbPolicy": "CLUSTER_PROVIDED",
        "clusterType": {
            "name": "envoy.clusters.aggregate",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                "clusters": list(members),
            },
        },
        # Else, while little of all is well, calls would go to what is not.
        "commonLbConfig": {"healthyPanicThreshold": {"value": 0}},
        "circuitBreakers": {
            "thresholds": [
                dict.fromkeys(("maxConnections", "maxPendingRequests", "maxRequests", "maxRetries"), _UNLIMITED)
            ]
        },
        # By which telemetry knows the service.
        "metadata": {
            "filterMetadata": {"istio": {"services": [{"host": host, "name": service, "namespace": namespace}]}}
        },
    }
    context = {"context": "SIDECAR_OUTBOUND"}
    return [
        {"applyTo": "CLUSTER", "match": {**context, "cluster": {"name": name}}, "patch": {"operation": "REMOVE"}},
        {"applyTo": "CLUSTER", "match": context, "patch": {"operation": "ADD", "value": value}},
    ]
