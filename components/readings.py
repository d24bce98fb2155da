"""Where the metrics of every proxy are read, by those who may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from settings import SYSTEM_NAMESPACE, VM_LABEL, VmSettings

READINGS_PORT = 15091
READINGS_PATH = "/stats/prometheus"

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


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
            "FILTER_CHAIN", "SIDECAR_INBOUND", _in_pods(args.reader), {"listener": {"name": "virtualInbound"}}
        )
        gateways = _patch("LISTENER", "GATEWAY", _listener(args.reader))
        vms = _patch("LISTENER", "SIDECAR_INBOUND", _listener(args.reader))
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


def _in_pods(reader: str) -> dict[str, Any]:
    return {
        **_chain(reader),
        "name": "readings",
        "filter_chain_match": {"destination_port": READINGS_PORT, "transport_protocol": "tls"},
    }


def _listener(reader: str) -> dict[str, Any]:
    address = {"address": "0.0.0.0", "port_value": READINGS_PORT}  # noqa: S104  # whoever calls has to show a certificate
    return {"name": "readings", "address": {"socket_address": address}, "filter_chains": [_chain(reader)]}


def _chain(reader: str) -> dict[str, Any]:
    """What demands the reader's certificate, and hands on to Envoy's own statistics.

    ``prometheus_stats`` is in the bootstrap of every proxy of Istio's, in pods, at gateways and on VMs.
    """
    route = {
        "match": {
            "path": READINGS_PATH,
            "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
        },
        "route": {"cluster": "prometheus_stats"},
    }
    manager = {
        "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "readings",
        "route_config": {"virtual_hosts": [{"name": "readings", "domains": ["*"], "routes": [route]}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_FILTERS}.http.router.v3.Router"},
            }
        ],
    }
    return {
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": _only_from(reader)},
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
    }


def _only_from(reader: str) -> dict[str, Any]:
    """mTLS by the proxy's own certificate and root, as its agent gives and renews them."""
    whole = {"san_type": "URI", "matcher": {"exact": f"spiffe://{reader}"}}
    return {
        "@type": _TLS,
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [_secret("default")],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [whole]},
                "validation_context_sds_secret_config": _secret("ROOTCA"),
            },
        },
    }


def _secret(name: str) -> dict[str, Any]:
    """As istiod names it (pkg/model/authentication.go): the same words are the same subscription."""
    return {
        "name": name,
        "sds_config": {
            "api_config_source": {
                "api_type": "GRPC",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "sds-grpc"}}],
                "set_node_on_first_message_only": True,
                "transport_api_version": "V3",
            },
            "initial_fetch_timeout": "0s",
            "resource_api_version": "V3",
        },
    }
