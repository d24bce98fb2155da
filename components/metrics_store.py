"""What keeps the metrics of all clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.dashboard import dashboard
from components.istio_object import istio_object
from components.mesh import Mesh
from components.on_node import room
from components.prometheus import DATA, NOBODY, WAL_HOURS, config_map, deployment, metadata_of, pod_spec
from settings import MANAGEMENT_NAMESPACE, METRICS_PORT, METRICS_SERVICE, MetricsSettings, Queries

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
    routes: Mapping[str, Mapping[str, Queries]]
    """Route -> what is asked of each of its destinations."""
    after: Sequence[pulumi.Resource]
    """Its account, its Service, and that nodes have the image."""


class MetricsStore(pulumi.ComponentResource):
    """A Prometheus that reads nothing itself: those that do, in each cluster, push to it, through the mesh.

    Nobody else of the mesh may call it. People ask it by a port-forward, which their right to the cluster allows and
    which does not pass its sidecar.
    """

    ready: list[pulumi.Resource]
    """What those who push wait for."""

    def __init__(self, name: str, args: MetricsStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:MetricsStore", name, None, opts)
        cluster, namespace = args.cluster, args.mesh.namespaces[MANAGEMENT_NAMESPACE]
        metadata = metadata_of(_LABELS)
        write = {"ports": [str(METRICS_PORT)], "methods": ["POST"], "paths": ["/api/v1/write"]}
        guarded = istio_object(
            f"{name}-writers",
            "AuthorizationPolicy",
            metadata,
            {
                "selector": {"matchLabels": {"app": METRICS_SERVICE}},
                "action": "ALLOW",
                "rules": [{"from": [{"source": {"principals": [args.reader]}}], "to": [{"operation": write}]}],
            },
            cluster.inside(self, *args.mesh.configures(MANAGEMENT_NAMESPACE)),
        )
        config = config_map(f"{name}-config", metadata, _config(args.metrics), cluster.inside(self, namespace))
        dashboard(f"{name}-dashboard", args.routes, cluster.inside(self, namespace))
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


def _config(metrics: MetricsSettings) -> dict[str, object]:
    return {
        "storage": {
            "tsdb": {
                "retention": {"time": metrics.retention, "size": _MOST},
                # Of clusters that could not push for a while, what they bring then is older than what others have.
                "out_of_order_time_window": f"{WAL_HOURS}h",
            }
        }
    }
