"""What the management cluster must be to the rest of a config, and clusters that take no part in the application."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.clusters import ClusterSettings
from settings.entries import object_in, objects_in, texts_in, unknown, value_of
from settings.management import GRAFANA, KIALI
from settings.mistakes import KeyPath, Mistake, shown

WITHOUT = "has 'application: false'"
"""What is said of a cluster that takes no part in the application."""


def apart(clusters: Mapping[str, Any]) -> set[str]:
    """Clusters that take no part in the application."""
    return {
        name
        for name, cluster in objects_in(clusters).items()
        if value_of(cluster, "application", ClusterSettings) is False
    }


def mistakes_in_management(management: Mapping[str, Any], clusters: Mapping[str, Any]) -> Iterator[Mistake]:
    """A management cluster that is not there or missing, and pages without anything to show.

    As in :class:`settings.checks.CrossChecks`.
    """
    yield from unknown(("management", "cluster"), management.get("cluster"), "cluster", clusters)
    if management and "cluster" not in management:
        yield ("management", "cluster"), "is missing; name the cluster that keeps what is gathered"
    for page in (KIALI, GRAFANA):
        if page in management and "metrics" not in management:
            yield ("management", page), "needs management.metrics; without them it has nothing to show"


def mistakes_apart(
    clusters: Mapping[str, Any],
    application: Mapping[str, Any],
    vms: Mapping[str, Any],
    routes: Mapping[str, Any],
    extensions: Mapping[str, Any],
) -> Iterator[Mistake]:
    """What is asked of clusters that take no part in the application; of stages and failover their own checks tell."""
    without = apart(clusters)
    if without and without == {*clusters}:
        yield ("clusters",), f"every cluster {WITHOUT}; at least one must run the application"
    for name in without:
        if "ingressPort" in object_in(object_in(clusters[name]).get("kind")):
            yield ("clusters", name, "kind", "ingressPort"), f"is of no use: {shown(name)} {WITHOUT}, and so no ingress"
    for path, name in _named(application, vms, routes, extensions):
        if name in without:
            yield path, f"cluster {shown(name)} {WITHOUT}"


def _named(
    application: Mapping[str, Any], vms: Mapping[str, Any], routes: Mapping[str, Any], extensions: Mapping[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """Clusters that are named as where services run, VMs join, callers are, or extensions act."""
    for service, entry in objects_in(application).items():
        yield from texts_in(("application", service, "clusters"), entry.get("clusters"))
    for vm, entry in objects_in(vms).items():
        yield ("vms", vm, "cluster"), str(entry.get("cluster"))
    for route, entry in objects_in(routes).items():
        callers = object_in(entry.get("callers"))
        yield from texts_in(("routes", route, "callers", "clusters"), callers.get("clusters"))
    for extension, entry in objects_in(extensions).items():
        yield from texts_in(("extensions", extension, "clusters"), entry.get("clusters"))
