"""Grafana, in the management cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.dashboard import DASHBOARD
from components.grafana_config import DASHBOARDS, DATA, PROVISIONING, dashboards, datasources, environment
from components.mesh import Mesh
from components.page import Page, digest
from components.prometheus import metadata_of
from settings import GRAFANA, GRAFANA_PORT, MANAGEMENT_NAMESPACE

# The user of Grafana's own image.
_USER = 472
# Which dashboards there are, whether it answers, and which version it is.
_ASKED = ("/api/search", "/api/health", "/api/frontend/settings")


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """What is shown."""

    cluster: Cluster
    """The management cluster."""
    mesh: Mesh
    image: str
    interval: int
    """Seconds between two readings of a proxy."""
    callers: Sequence[str]
    """Identities, without their scheme, that may ask which dashboards there are: Kiali's, which links to them."""
    after: Sequence[pulumi.Resource]
    """The dashboard, and what it asks for metrics."""


class Grafana(pulumi.ComponentResource):
    """Shows the dashboard of the routes, and keeps nothing: what is seen is in the metrics store.

    It asks that store through the mesh. People look at it by a port-forward.
    """

    def __init__(self, name: str, args: GrafanaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Grafana", name, None, opts)
        inside = args.cluster.inside(self, args.mesh.namespaces[MANAGEMENT_NAMESPACE])
        metadata = metadata_of({"app": GRAFANA})
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account", metadata=metadata, automount_service_account_token=False, opts=inside
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={
                "name": GRAFANA,
                "namespace": MANAGEMENT_NAMESPACE,
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"selector": {"app": GRAFANA}, "ports": [{"name": "http", "port": GRAFANA_PORT}]},
            opts=inside,
        )
        files = {
            "datasources": json.dumps(datasources(args.interval), indent=1),
            "dashboards": json.dumps(dashboards(), indent=1),
        }
        config = kubernetes.core.v1.ConfigMap(
            f"{name}-config",
            metadata=metadata,
            data={f"{file}.yaml": text for file, text in files.items()},
            opts=inside,
        )
        provisioned = {
            file: (
                f"{PROVISIONING}/{file}",
                {"config_map": {"name": GRAFANA, "items": [{"key": f"{file}.yaml", "path": "vm-mesh.yaml"}]}},
            )
            for file in files
        }
        page = Page(
            app=GRAFANA,
            image=args.image,
            port=GRAFANA_PORT,
            health="/api/health",
            user=_USER,
            calls_api=False,
            environment=environment(f"{DASHBOARD}.json"),
            files={
                **provisioned,
                "routes": (DASHBOARDS, {"config_map": {"name": DASHBOARD}}),
                "data": (DATA, {"empty_dir": {"size_limit": "256Mi"}}),
                # Sockets of the plugins that are in the image.
                "temporary": ("/tmp", {"empty_dir": {"size_limit": "64Mi"}}),  # noqa: S108
            },
            cluster=args.cluster,
            mesh=args.mesh,
        )
        closed = page.closed_but_for(name, _rules(args.callers), self)
        page.deployed(name, digest(*files.values()), self, [account, config, closed, *args.after])
        self.register_outputs({})


def _rules(callers: Sequence[str]) -> list[dict[str, object]]:
    if not callers:
        return []
    operation = {"ports": [str(GRAFANA_PORT)], "methods": ["GET"], "paths": list(_ASKED)}
    return [{"from": [{"source": {"principals": list(callers)}}], "to": [{"operation": operation}]}]
