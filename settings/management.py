"""What sees all clusters: metrics, access logs and traces, kept in one of them."""

from __future__ import annotations

from settings.model import Model
from settings.values import Percent, Retention, Seconds


class MetricsSettings(Model):
    """Metrics of every proxy, in pods, at gateways and on VMs."""

    interval: Seconds = 5
    """Seconds between two readings of a proxy."""
    retention: Retention = "15d"
    """For how long readings are kept."""


class AccessLogSettings(Model):
    """A line for every call that a proxy has taken or made."""

    retention: Retention = "7d"
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
