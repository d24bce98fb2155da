"""The port at which a proxy's metrics are read, in Envoy's words."""

from __future__ import annotations

from typing import Any

READINGS_PORT = 15091
READINGS_PATH = "/stats/prometheus"

_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_FILTERS = "type.googleapis.com/envoy.extensions.filters"


def filter_chain(reader: str) -> dict[str, Any]:
    """The port as a chain of a listener that takes the calls of every port."""
    return {
        **_chain(reader),
        "name": "readings",
        "filter_chain_match": {"destination_port": READINGS_PORT, "transport_protocol": "tls"},
    }


def listener(reader: str) -> dict[str, Any]:
    """The port as a listener of its own."""
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
