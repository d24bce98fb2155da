"""What an agent of Prometheus reads in its cluster, what it keeps of that, and where it pushes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.readings_port import READINGS_PATH, READINGS_PORT
from settings import (
    MANAGEMENT_NAMESPACE,
    METRICS_PORT,
    METRICS_SERVICE,
    READER,
    SYSTEM_NAMESPACE,
    service_host,
)

CERTIFICATES = "/etc/istio-certificates"
"""Where the agent's sidecar writes its certificate."""

# As istiod has Envoy name what it counts (``istiod_values``), so that nothing else is even written.
_ASKED = (
    r"^istio|^cluster\.(outbound|inbound)\|.*\.upstream_"
    r"(rq_(total|[0-9]+|[2-5]xx|time|active|tx_reset)|cx_active)$"
)
_KEPT = (
    "istio_(requests_total|request_duration_milliseconds_(bucket|sum|count)|tcp_.*)|"
    "envoy_cluster_upstream_(rq|rq_total|rq_active|rq_tx_reset|rq_time_(bucket|sum|count)|cx_active)"
)
# Of the sizes the sums only, for an average: their histograms would be most of all series that are kept.
_KEPT_FOR_KIALI = "istio_(request|response)_(bytes_(sum|count)|messages_total)"


def reading_config(
    cluster: str,
    interval: int,
    namespaces: Sequence[str],
    machines: Sequence[tuple[str, Mapping[str, str]]],
    *,
    kiali: bool,
) -> dict[str, Any]:
    """Prometheus' configuration for a cluster; ``machines`` are addresses, and the labels of what is read there.

    ``kiali``: whether there is one, which shows how large calls are and counts the messages of gRPC.
    """
    kept = f"{_KEPT}|{_KEPT_FOR_KIALI}" if kiali else _KEPT
    jobs = [_job("pods", kept, kubernetes_sd_configs=[_pods(namespaces)], relabel_configs=_OF_PODS)]
    if machines:
        targets = [{"targets": [_target(address)], "labels": dict(labels)} for address, labels in machines]
        jobs.append(_job("vms", kept, static_configs=targets))
    url = f"http://{service_host(METRICS_SERVICE, MANAGEMENT_NAMESPACE)}:{METRICS_PORT}/api/v1/write"
    return {
        "global": {"scrape_interval": f"{interval}s", "external_labels": {"cluster": cluster}},
        "scrape_configs": jobs,
        "remote_write": [
            {
                "url": url,
                # After a while without the management cluster there is much to push, and calls pass the same gateway.
                "queue_config": {"max_shards": 4},
                "metadata_config": {"send": False},
                "write_relabel_configs": [{"source_labels": ["__name__"], "regex": "scrape_.*", "action": "drop"}],
            }
        ],
    }


def _job(name: str, kept: str, **found: Any) -> dict[str, Any]:
    return {
        "job_name": name,
        "scheme": "https",
        "metrics_path": READINGS_PATH,
        "params": {"usedonly": [""], "filter": [_ASKED]},
        "tls_config": {
            "cert_file": f"{CERTIFICATES}/cert-chain.pem",
            "key_file": f"{CERTIFICATES}/key.pem",
            # Prometheus knows no SPIFFE: it would look for the address among the names of a proxy's certificate.
            "insecure_skip_verify": True,
        },
        "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": kept, "action": "keep"}],
        **found,
    }


def _target(address: str) -> str:
    return f"{f'[{address}]' if ':' in address else address}:{READINGS_PORT}"


def _pods(namespaces: Sequence[str]) -> dict[str, Any]:
    return {"role": "pod", "namespaces": {"names": [*namespaces, SYSTEM_NAMESPACE]}}


def _label(name: str) -> str:
    return f"__meta_kubernetes_pod_label_{name}"


# Of all containers of a pod, the proxy, by the port that Istio declares for its metrics; sidecars and gateways alike.
_OF_PODS = [
    {
        "source_labels": ["__meta_kubernetes_pod_container_name", "__meta_kubernetes_pod_container_port_name"],
        "regex": "istio-proxy;http-envoy-prom",
        "action": "keep",
    },
    {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Running", "action": "keep"},
    # Nobody reaches the port of a pod from inside it: what a pod calls at itself is not captured.
    {"source_labels": [_label("app")], "regex": READER, "action": "drop"},
    {
        "source_labels": ["__address__"],
        "regex": "(.+):[0-9]+",
        "replacement": f"$1:{READINGS_PORT}",
        "target_label": "__address__",
    },
    {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
    {"source_labels": ["__meta_kubernetes_pod_name"], "target_label": "pod"},
    {"source_labels": [_label("app")], "target_label": "app"},
    {"source_labels": [_label("version")], "target_label": "version"},
]
