"""What Kiali is told: which clusters there are, what it shows of them, and where their metrics are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from settings import (
    GRAFANA,
    GRAFANA_PORT,
    KIALI,
    KIALI_PORT,
    MANAGEMENT_NAMESPACE,
    METRICS_PORT,
    METRICS_SERVICE,
    SYSTEM_NAMESPACE,
    service_host,
)

REMOTE_CLUSTERS = "kiali-remote-clusters"
"""Name of the Secret with the kubeconfigs of the other clusters."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What Kiali sees."""

    home: str
    """The cluster that it runs in."""
    clusters: Sequence[str]
    """All of the mesh."""
    read: Collection[str]
    """Those of them that it reads; of the others it knows what the metrics tell."""
    namespaces: Sequence[str]
    """Those that it shows."""
    dashboards: Sequence[str]
    """Titles of the dashboards that a Grafana beside it has."""

    @property
    def of_many(self) -> bool:
        return len(self.read) > 1

    @property
    def logs_in(self) -> bool:
        """Whether people log in, by a token of their own.

        A token is of one cluster, so Kiali lets people log in by one only where it reads no other (``Authenticate`` in
        handlers/authentication/token_auth_controller.go). Elsewhere whoever has a port-forward sees what its account
        may read.
        """
        return not self.of_many


def kiali_config(sight: Sight) -> dict[str, Any]:
    """Kiali's configuration, which shows and changes nothing; as JSON it is YAML."""
    shown = (*sight.namespaces, SYSTEM_NAMESPACE)
    return {
        "auth": {"strategy": "token" if sight.logs_in else "anonymous"},
        "clustering": {"clusters": [_cluster(name, sight) for name in sight.clusters if name != sight.home]},
        "deployment": {
            # Of several clusters it shows nothing without.
            "cluster_wide_access": True,
            "discovery_selectors": {
                "default": [{"matchLabels": {"kubernetes.io/metadata.name": name}} for name in shown]
            },
            "instance_name": KIALI,
            "namespace": MANAGEMENT_NAMESPACE,
            "view_only_mode": True,
        },
        "external_services": {
            # Metrics of the programs themselves, which nobody keeps.
            "custom_dashboards": {"enabled": False},
            "grafana": _grafana(sight.dashboards),
            # It would ask each istiod by a way into its pod, which is no right to read.
            "istio": {"istio_api_enabled": False, "root_namespace": SYSTEM_NAMESPACE},
            "prometheus": {"url": f"http://{service_host(METRICS_SERVICE, MANAGEMENT_NAMESPACE)}:{METRICS_PORT}"},
            # What is asked for traces listens on its own pod's loopback only.
            "tracing": {"enabled": False},
        },
        "kiali_feature_flags": {"disabled_features": ["logs-tab"]},
        "kubernetes_config": {
            "cluster_name": sight.home,
            # Kinds of workload that its account may not read.
            "excluded_workloads": ["CronJob", "DeploymentConfig", "Job", "ReplicationController"],
        },
        "server": {"port": KIALI_PORT, "web_root": "/", "observability": {"metrics": {"enabled": False}}},
    }


def _cluster(name: str, sight: Sight) -> dict[str, str]:
    """Without the name of a secret, it is one that Kiali knows and does not read."""
    return {"name": name, "secret_name": REMOTE_CLUSTERS} if name in sight.read else {"name": name}


def _grafana(dashboards: Sequence[str]) -> dict[str, Any]:
    if not dashboards:
        return {"enabled": False}
    inside = f"http://{service_host(GRAFANA, MANAGEMENT_NAMESPACE)}:{GRAFANA_PORT}"
    return {
        "enabled": True,
        "internal_url": inside,
        "external_url": f"http://localhost:{GRAFANA_PORT}",
        "health_check_url": f"{inside}/api/health",
        "dashboards": [{"name": title, "variables": {}} for title in dashboards],
    }
