"""What sees all clusters: metrics, access logs and traces, kept in one of them."""

from __future__ import annotations

from settings.model import Model
from settings.names import METRICS_PORT, METRICS_SERVICE
from settings.values import LogRetention, Percent, PinnedImage, Retention, Seconds

LOG_STORE, LOG_STORE_PORT = "access-logs", 9428
TRACE_STORE, TRACE_STORE_PORT = "traces", 4318
"""Services of the management cluster that keep what the collectors of all clusters send."""
TRACE_QUERY_PORT = 16686
"""Port of the trace store's pod, for a port-forward only, at which it is asked."""
COLLECTOR, COLLECTOR_PORT = "collector", 4317
"""Service account of every cluster's collector, and the port on which it takes OTLP."""
KIALI, KIALI_PORT = "kiali", 20001
GRAFANA, GRAFANA_PORT = "grafana", 3000
"""What people look at, on the management cluster: deployments, their accounts, and the ports for a port-forward."""


def collector_service(cluster: str) -> str:
    """Service of a cluster's own collector: a name of its own, so that proxies never send to another one's."""
    return f"{COLLECTOR}-{cluster}"


class MetricsSettings(Model):
    """Metrics of every proxy, in pods, at gateways and on VMs."""

    interval: Seconds = 5
    """Seconds between two readings of a proxy."""
    retention: Retention = "15d"
    """For how long readings are kept."""


class AccessLogSettings(Model):
    """A line for every call that a proxy has taken or made."""

    retention: LogRetention = "7d"
    """For how long lines are kept."""


class TraceSettings(Model):
    """The way of a call through proxies."""

    sampling: Percent = 100
    """Percent of the calls that are traced."""


class KialiSettings(Model):
    """Kiali, which shows the clusters, the VMs and the calls between them."""

    image: PinnedImage
    """Nodes pull it; the toolchain does not get it."""


class GrafanaSettings(Model):
    """A Grafana with the dashboard of the routes."""

    image: PinnedImage
    """Nodes pull it; the toolchain does not get it."""


class ManagementSettings(Model):
    """Which cluster sees all others, and what it keeps. Nothing that serves calls depends on it."""

    cluster: str | None = None
    """A cluster of the mesh; none: nothing is kept."""
    metrics: MetricsSettings | None = None
    access_logs: AccessLogSettings | None = None
    traces: TraceSettings | None = None
    kiali: KialiSettings | None = None
    grafana: GrafanaSettings | None = None

    @property
    def collects(self) -> bool:
        """Whether proxies send something, so that each cluster has a collector."""
        return self.cluster is not None and (self.access_logs is not None or self.traces is not None)

    def services(self) -> dict[str, int]:
        """Service -> port of what keeps what the collectors of all clusters send."""
        found: dict[str, int] = {}
        if self.cluster and self.access_logs:
            found[LOG_STORE] = LOG_STORE_PORT
        if self.cluster and self.traces:
            found[TRACE_STORE] = TRACE_STORE_PORT
        return found

    def all_services(self) -> dict[str, int]:
        """Those, and what the metrics of all clusters are pushed to."""
        return ({METRICS_SERVICE: METRICS_PORT} if self.metrics else {}) | self.services()

    def pages(self) -> dict[str, int]:
        """Deployment -> port of what people look at."""
        found = {KIALI: (self.kiali, KIALI_PORT), GRAFANA: (self.grafana, GRAFANA_PORT)}
        return {name: port for name, (wanted, port) in found.items() if self.cluster and wanted}

    def images(self) -> list[str]:
        """Images of the toolchain that only a stack with a management cluster needs, by their names there."""
        used = {
            METRICS_SERVICE: self.metrics is not None,
            "otel-collector": self.collects,
            "victoria-logs": self.access_logs is not None,
            "jaeger": self.traces is not None,
        }
        return [name for name, needed in used.items() if needed]
