"""Where the metrics of every proxy are read, by those who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from components.readings_port import filter_chain, listener
from settings import SYSTEM_NAMESPACE, VM_LABEL, VmSettings


@dataclass(frozen=True, kw_only=True)
class ReadingsArgs:
    """Whose proxies are read, and by whom."""

    reader: str
    """Identity of the only one who may, without its scheme."""
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]
    vms: Mapping[str, VmSettings]
    joined: Mapping[str, list[pulumi.Resource]]
    """VM -> what its machines have joined by."""


class Readings(pulumi.ComponentResource):
    """A port of every proxy that demands the reader's certificate, and shows what Envoy counts and nothing else.

    The ports that Istio itself has for this (15020, 15090) are open to all. Its own port with mTLS
    (ENVOY_SECURE_METRICS_PORT) is there from the start of a proxy or not at all, and for any identity of the mesh.
    This one comes and goes with an EnvoyFilter, so that no pod and no machine is started anew.

    What calls a pod is brought to its proxy's inbound listener, whatever the port, and so it is a filter chain of that
    one there. Of the calls of a VM only those of its services are captured, and none of a gateway: these listen.
    """

    def __init__(self, name: str, args: ReadingsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Readings", name, None, opts)
        pods = _patch(
            "FILTER_CHAIN", "SIDECAR_INBOUND", filter_chain(args.reader), {"listener": {"name": "virtualInbound"}}
        )
        gateways = _patch("LISTENER", "GATEWAY", listener(args.reader))
        vms = _patch("LISTENER", "SIDECAR_INBOUND", listener(args.reader))
        for cluster in args.clusters.values():
            istio_object(
                f"{name}-{cluster.name}",
                "EnvoyFilter",
                {"name": name, "namespace": SYSTEM_NAMESPACE},
                {"configPatches": [pods, gateways]},
                cluster.inside(self, args.meshes[cluster.name].control_plane),
            )
        for vm, entry in args.vms.items():
            ready = args.meshes[entry.cluster].configures(entry.namespace)
            istio_object(
                f"{name}-{vm}",
                "EnvoyFilter",
                # No extension, whose filters are beside it, has a name without a dot.
                {"name": f"{name}-{vm}", "namespace": entry.namespace},
                {"workloadSelector": {"labels": {VM_LABEL: vm}}, "configPatches": [vms]},
                args.clusters[entry.cluster].inside(self, *ready, *args.joined[vm]),
            )
        self.register_outputs({})


def _patch(what: str, context: str, value: Mapping[str, Any], match: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "applyTo": what,
        "match": {"context": context, **(match or {})},
        "patch": {"operation": "ADD", "value": value},
    }
