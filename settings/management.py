"""What sees all clusters: metrics, access logs and traces, kept in one of them."""

from __future__ import annotations

from settings.model import Model
from settings.names import METRICS_PORT, METRICS_SERVICE
from settings.values import LogRetention, Percent, Retention, Seconds

LOG_STORE, LOG_STORE_PORT = "access-logs", 9428
TRACE_STORE, TRACE_STORE_PORT = "traces", 4318
"""Services of the management cluster that keep what the collectors of all clusters send."""
TRACE_QUERY_PORT = 16686
"""Port of the trace store's pod, for a port-forward only, at which it is asked."""
COLLECTOR, COLLECTOR_PORT = "collector", 4317
"""Service account of every cluster's collector, and the port on which it takes OTLP."""


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


class ManagementSettings(Model):
    """Which cluster sees all others, and what it keeps. Nothing that serves calls depends on it."""

    cluster: str | None = None
    """A cluster of the mesh; none: nothing is kept."""
    metrics: MetricsSettings | None = None
    access_logs: AccessLogSettings | None = None
    traces: TraceSettings | None = None

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

    def images(self) -> list[str]:
        """Images that only a stack with a management cluster needs, by their names in the toolchain."""
        used = {
            METRICS_SERVICE: self.metrics is not None,
            "otel-collector": self.collects,
            "victoria-logs": self.access_logs is not None,
            "jaeger": self.traces is not None,
        }
        return [name for name, needed in used.items() if needed]
