"""The services that run in a cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import INGRESS_PORT, Cluster
from components.connections import renewed
from components.failover import TRAFFIC_POLICY
from components.istio_object import istio_object
from components.mesh import Mesh
from settings import ServiceSettings, Settings, VersionSettings, service_host
from toolchain.artifacts import Artifacts

# Until every caller's proxy knows that a pod is gone, and has left its connections. Those that come through a gateway
# learn of it by the pod's proxy alone, which answers "Connection: close" as soon as the pod is told to go
# (``--drain-strategy immediate`` in Istio's pkg/envoy/proxy.go; istio/istio#60649).
_LAST_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class ApplicationArgs:
    """What runs in a cluster."""

    cluster: Cluster
    mesh: Mesh
    services: Mapping[str, ServiceSettings]
    images: Mapping[str, str]
    """Images of versions that name none: ``<service>-<version>`` -> image."""
    failover: Collection[str]
    """Services whose route has one, so that a failure is to be noticed within seconds."""

    @classmethod
    def of(cls, cluster: Cluster, settings: Settings, tools: Artifacts, mesh: Mesh) -> ApplicationArgs:
        """What runs in ``cluster``."""
        return cls(
            cluster=cluster,
            mesh=mesh,
            services=settings.services_in(cluster.name),
            images=tools.images,
            failover=[service for service, route in settings.routes.items() if route.failover],
        )


class Application(pulumi.ComponentResource):
    """Services, their accounts and their deployments in one cluster, as Istio's samples lay them out."""

    own: dict[str, pulumi.Resource]
    """Service -> the rule by which the cluster's gateway calls the cluster's own pods alone; if it is exposed."""

    def __init__(self, name: str, args: ApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Application", name, None, opts)
        self.own = {}
        for service_name, service in args.services.items():
            self._service(f"{name}-{service_name}", service_name, service, args)
            for version, workload in service.versions.items():
                self._workload(f"{name}-{service_name}-{version}", service_name, service, version, workload, args)
            if service.ingress_paths:
                self.own[service_name] = self._ingress(f"{name}-{service_name}", service_name, service, args)
        self.register_outputs({})

    def _service(self, name: str, service_name: str, service: ServiceSettings, args: ApplicationArgs) -> None:
        options = pulumi.ResourceOptions(parent=self, depends_on=[args.mesh.namespaces[service.namespace]])
        kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": service_name, "namespace": service.namespace},
            automount_service_account_token=False,
            opts=options,
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            # Endpoints come from deployments that wait for Istio; a Service without any is not a failure here.
            metadata={
                "name": service_name,
                "namespace": service.namespace,
                "labels": {"app": service_name},
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"selector": {"app": service_name}, "ports": [{"name": "http", "port": service.port}]},
            opts=options,
        )

    def _workload(
        self,
        name: str,
        service_name: str,
        service: ServiceSettings,
        version: str,
        workload: VersionSettings,
        args: ApplicationArgs,
    ) -> None:
        labels = {"app": service_name, "version": version}
        environment = {"SERVICE_VERSION": version, "CLUSTER_NAME": args.cluster.name, **workload.env}
        revisions = args.mesh.revisions
        rolled_by = revisions.rolled_by(revisions.of(service.namespace))
        kubernetes.apps.v1.Deployment(
            f"{name}-deployment",
            metadata={"name": f"{service_name}-{version}", "namespace": service.namespace, "labels": labels},
            spec={
                "replicas": workload.replicas,
                "selector": {"match_labels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": rolled_by},
                    "spec": {
                        "service_account_name": service_name,
                        "containers": [
                            {
                                "name": service_name,
                                "image": workload.image or args.images[f"{service_name}-{version}"],
                                "image_pull_policy": "IfNotPresent",
                                "ports": [{"container_port": service.port}],
                                # Kubernetes takes $(NAME) for another variable, and $$ for one $.
                                "env": [
                                    {"name": key, "value": value.replace("$", "$$")}
                                    for key, value in environment.items()
                                ],
                                "resources": {"requests": {"cpu": "20m", "memory": "16Mi"}},
                                # A pod has callers as soon as it is ready, and for a moment after it was told to go.
                                "readiness_probe": {"tcp_socket": {"port": service.port}, "period_seconds": 2},
                                "lifecycle": {"pre_stop": {"sleep": {"seconds": _LAST_SECONDS}}},
                            }
                        ],
                    },
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    *args.mesh.injects(service.namespace),
                    *args.cluster.ready,
                ],
            ),
        )

    def _ingress(
        self, name: str, service_name: str, service: ServiceSettings, args: ApplicationArgs
    ) -> pulumi.Resource:
        options = pulumi.ResourceOptions(parent=self, depends_on=args.mesh.configures(service.namespace))
        metadata = {"name": f"{service_name}-ingress", "namespace": service.namespace}
        host = service_host(service_name, service.namespace)
        istio_object(
            f"{name}-gateway",
            "Gateway",
            metadata,
            {
                "selector": {"istio": "ingressgateway"},
                "servers": [
                    {
                        "port": {"number": INGRESS_PORT["port"], "name": "http", "protocol": "HTTP"},
                        "hosts": ["*"],
                    }
                ],
            },
            options,
        )
        # A cluster's gateway shows what this cluster serves; a bare host would mean the pods of every cluster. Only the
        # subset has a policy: Istio joins all rules of a host, with the policy of the oldest that has one
        # (pilot/pkg/model/destination_rule.go), and that is to be the route's. It is for a gateway, which the rule of
        # services that have none (``renewed_by_default``) is not for.
        policy: Mapping[str, Any] = TRAFFIC_POLICY if service_name in args.failover else {}
        own = istio_object(
            f"{name}-own",
            "DestinationRule",
            metadata,
            {
                "host": host,
                "subsets": [
                    {
                        "name": args.cluster.name,
                        "labels": args.mesh.pods_of(args.cluster),
                        "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}, **renewed(policy)},
                    }
                ],
            },
            options,
        )
        istio_object(
            f"{name}-exposed",
            "VirtualService",
            metadata,
            {
                "hosts": ["*"],
                "gateways": [metadata["name"]],
                "http": [
                    {
                        "match": [{"uri": {"prefix": path}} for path in service.ingress_paths],
                        "route": [{"destination": {"host": host, "subset": args.cluster.name}}],
                    }
                ],
            },
            pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(parent=self, depends_on=[own])),
        )
        return own
