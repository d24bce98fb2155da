"""What is gathered of clusters and VMs, and kept in the management cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pulumi

from components.cluster import Cluster
from components.collector import collector
from components.exported import Exported, ExportedArgs, Workload
from components.management import Management, ManagementArgs
from components.mesh import Mesh
from components.metrics_agent import MetricsAgent, MetricsAgentArgs
from components.metrics_store import MetricsStore, MetricsStoreArgs
from components.pages import Pages
from components.readings import Readings, ReadingsArgs
from components.stores import log_store, trace_store
from components.telemetry import Telemetry, TelemetryArgs
from components.virtual_machine import VirtualMachine
from settings import (
    LOG_STORE,
    MANAGEMENT_NAMESPACE,
    METRICS_PORT,
    METRICS_SERVICE,
    READER,
    TRACE_STORE,
    Settings,
    principal,
    queries,
)
from toolchain.artifacts import Artifacts


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """Declares what the config wants gathered. Nothing that serves calls waits for any of it."""

    settings: Settings
    tools: Artifacts
    clusters: Mapping[str, Cluster]
    """The management cluster, and all that take part in the application: others have nothing to tell, and without
    credentials of the management cluster they could not."""
    meshes: Mapping[str, Mesh]

    @property
    def home(self) -> Cluster:
        """The management cluster."""
        return self.clusters[str(self.settings.management.cluster)]

    def metrics(self, machines: Mapping[str, VirtualMachine], joined: Mapping[str, list[pulumi.Resource]]) -> None:
        """What every proxy counts: in pods, at gateways and on VMs; and the pages on which people look at it."""
        settings, metrics = self.settings, self.settings.management.metrics
        if metrics is None:
            return
        image = self.tools.management[METRICS_SERVICE].reference
        reader = principal(settings, f"{MANAGEMENT_NAMESPACE}/{READER}")
        readings = Readings(
            "readings",
            ReadingsArgs(reader=reader, clusters=self.clusters, meshes=self.meshes, vms=settings.vms, joined=joined),
        )
        pages = Pages(settings=settings, home=self.home, clusters=self.clusters, meshes=self.meshes)
        store = MetricsStore(
            "metrics",
            MetricsStoreArgs(
                cluster=self.home,
                mesh=self.meshes[self.home.name],
                metrics=metrics,
                image=image,
                reader=reader,
                askers=pages.identities,
                routes={route: queries(settings, route) for route in settings.routes},
                after=[*self._services.declared[METRICS_SERVICE], *self._services.loaded[self.home.name]],
            ),
        )
        self._written_down(f"{METRICS_SERVICE}-exported", METRICS_SERVICE, store.ready)
        for name, cluster in self.clusters.items():
            MetricsAgent(
                f"metrics-{name}",
                MetricsAgentArgs(
                    cluster=cluster,
                    mesh=self.meshes[name],
                    namespaces=settings.namespaces_in(name),
                    vms={vm: entry for vm, entry in settings.vms.items() if entry.cluster == name},
                    machines=machines,
                    metrics=metrics,
                    image=image,
                    kiali=settings.management.kiali is not None,
                    after=[readings, *self._services.loaded[name], *store.ready],
                ),
            )
        pages.declare(metrics, [*store.ready, store.dashboard])

    def logs_and_traces(self) -> None:
        """A line for every call of every proxy, and the way of calls through proxies."""
        management, trust_domain = self.settings.management, self.settings.mesh.trust_domain
        if not management.collects:
            return
        images, mesh = self.tools.management, self.meshes[self.home.name]
        if management.access_logs:
            logs = log_store(self.home, mesh, management.access_logs, trust_domain, images["victoria-logs"])
            self._written_down(f"{LOG_STORE}-exported-management", LOG_STORE, logs.ready)
        if management.traces:
            traces = trace_store(self.home, mesh, trust_domain, images["jaeger"])
            self._written_down(f"{TRACE_STORE}-exported-management", TRACE_STORE, traces.ready)
        for name, cluster in self.clusters.items():
            keeper = collector(cluster, self.meshes[name], management, trust_domain, images["otel-collector"])
            Telemetry(
                f"{name}-telemetry",
                TelemetryArgs(cluster=cluster, mesh=self.meshes[name], management=management, collector=keeper.ready),
            )

    @cached_property
    def _services(self) -> Management:
        """By the first that asks: where nothing is gathered, there is none."""
        return Management(
            "management",
            ManagementArgs(
                services={METRICS_SERVICE: METRICS_PORT},
                images={METRICS_SERVICE: self.tools.management[METRICS_SERVICE]},
                home=self.home,
                clusters=self.clusters,
                meshes=self.meshes,
            ),
        )

    def _written_down(self, name: str, service: str, after: Sequence[pulumi.Resource]) -> None:
        """Declares where a service is, for clusters that hold no credentials of the management cluster.

        ``name`` is the one that running stacks know it by.
        """
        if self.settings.mesh.keyless:
            Exported(
                name,
                ExportedArgs(
                    namespace=MANAGEMENT_NAMESPACE,
                    account=service,
                    workloads={self.home.name: [Workload(name=service, labels={"app": service}, weight=1)]},
                    clusters=self.clusters,
                    meshes=self.meshes,
                    service={},
                    selector={"app": service},
                    after=after,
                ),
            )
