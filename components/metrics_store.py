"""What keeps the metrics of all clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.dashboard import dashboard
from components.istio_object import istio_object
from components.mesh import Mesh
from components.metrics_access import metrics_rules
from components.on_node import room
from components.prometheus import DATA, NOBODY, WAL_HOURS, config_map, deployment, metadata_of, pod_spec
from settings import KIALI, MANAGEMENT_NAMESPACE, METRICS_SERVICE, MetricsSettings, Queries

_LABELS = {"app": METRICS_SERVICE, "version": "v3"}
# The claim is a little more than the readings may take, for what is written while they are packed.
_GIGABYTES, _MOST = 10, "8GB"


@dataclass(frozen=True, kw_only=True)
class MetricsStoreArgs:
    """Where metrics are kept, for how long, and who brings them."""

    cluster: Cluster
    """The management cluster."""
    mesh: Mesh
    metrics: MetricsSettings
    image: str
    reader: str
    """Who may write: the identity, without its scheme, of what reads the proxies of each cluster."""
    askers: Mapping[str, str]
    """Who may ask: page that people look at -> its identity, likewise."""
    routes: Mapping[str, Mapping[str, Queries]]
    """Route -> what is asked of each of its destinations."""
    after: Sequence[pulumi.Resource]
    """Its account, its Service, and that nodes have the image."""


class MetricsStore(pulumi.ComponentResource):
    """A Prometheus that reads nothing itself: those that do, in each cluster, push to it, through the mesh.

    Nobody else of the mesh may call it but the pages that people look at, where there are any. People ask it by a
    port-forward, which their right to the cluster allows and which does not pass its sidecar.
    """

    ready: list[pulumi.Resource]
    """What those who push or ask wait for."""
    dashboard: pulumi.Resource

    def __init__(self, name: str, args: MetricsStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:MetricsStore", name, None, opts)
        cluster, namespace = args.cluster, args.mesh.namespaces[MANAGEMENT_NAMESPACE]
        metadata = metadata_of(_LABELS)
        guarded = istio_object(
            f"{name}-writers",
            "AuthorizationPolicy",
            metadata,
            {
                "selector": {"matchLabels": {"app": METRICS_SERVICE}},
                "action": "ALLOW",
                "rules": metrics_rules(args.reader, args.askers),
            },
            cluster.inside(self, *args.mesh.configures(MANAGEMENT_NAMESPACE)),
        )
        config = config_map(f"{name}-config", metadata, _config(args), cluster.inside(self, namespace))
        self.dashboard = dashboard(f"{name}-dashboard", args.routes, cluster.inside(self, namespace))
        kept = room(name, METRICS_SERVICE, _GIGABYTES, NOBODY, cluster, args.mesh, self)
        arguments = [f"--storage.tsdb.path={DATA}", "--web.enable-remote-write-receiver"]
        revisions = args.mesh.revisions
        made = deployment(
            f"{name}-deployment",
            _LABELS,
            revisions.rolled_by(revisions.of(MANAGEMENT_NAMESPACE)),
            {
                "service_account_name": METRICS_SERVICE,
                "automount_service_account_token": False,
                **pod_spec(args.image, arguments, config, kept.volume, memory="1Gi"),
            },
            cluster.inside(
                self,
                *args.mesh.injects(MANAGEMENT_NAMESPACE),
                *cluster.ready,
                *kept.after,
                *args.after,
                guarded,
            ),
        )
        self.ready = [made]
        self.register_outputs({})


def _config(args: MetricsStoreArgs) -> dict[str, object]:
    # It reads nothing, but Kiali takes this for how often there is a reading.
    told = {"global": {"scrape_interval": f"{args.metrics.interval}s"}} if KIALI in args.askers else {}
    return {
        **told,
        "storage": {
            "tsdb": {
                "retention": {"time": args.metrics.retention, "size": _MOST},
                # Of clusters that could not push for a while, what they bring then is older than what others have.
                "out_of_order_time_window": f"{WAL_HOURS}h",
            }
        },
    }
