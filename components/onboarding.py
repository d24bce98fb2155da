"""A VM's way into the mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.bootstrap_step import bootstrap_step
from components.cluster import Cluster
from components.east_west_gateway import EastWestGateway
from components.mesh import Mesh
from components.virtual_machine import VirtualMachine
from settings import VM_LABEL, ProbeSettings, VmServiceSettings, VmSettings, vm_service


@dataclass(frozen=True, kw_only=True)
class OnboardingArgs:
    """Which VM joins what, as whom, to serve what."""

    vm: VirtualMachine
    cluster: Cluster
    """Cluster whose control plane the VM joins."""
    gateway: EastWestGateway
    """The cluster's gateway, by which the VM reaches the control plane."""
    clusters: Mapping[str, Cluster]
    """Clusters from which the VM's services are called."""
    meshes: Mapping[str, Mesh]
    settings: VmSettings
    package: str
    """istio-sidecar package, a path relative to the project."""
    package_sha256: str


class Onboarding(pulumi.ComponentResource):
    """Identity, workload group and Services of a VM; the bootstrap that joins it; the services that run on it.

    Follows Istio's "Virtual Machine Installation" with automated workload entry creation.
    """

    namespace: str
    """Namespace of the VM's Services."""

    def __init__(self, name: str, args: OnboardingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Onboarding", name, None, opts)
        self.namespace = args.settings.namespace
        for cluster in args.clusters.values():
            for service_name, service in args.settings.services.items():
                self._service(f"{name}-{cluster.name}-{service_name}", cluster, service_name, service, args)
        group = self._workload_group(name, args)

        installed = bootstrap_step(
            f"{name}-sidecar",
            "install.sh",
            args.vm,
            {"PACKAGE": args.package, "PACKAGE_SHA256": args.package_sha256},
            parent=self,
        )
        bootstrap_step(
            f"{name}-join",
            "join.sh",
            args.vm,
            {
                "NAMESPACE": args.settings.namespace,
                "CLUSTER": args.cluster.name,
                "GATEWAY": args.gateway.address,
            },
            stdin=args.cluster.kubeconfig,
            after=[installed, *group, *args.gateway.ready],
            parent=self,
        )
        for service_name, service in args.settings.services.items():
            bootstrap_step(
                f"{name}-serve-{service_name}",
                "serve.sh",
                args.vm,
                {"SERVICE": service_name, "COMMAND": service.command},
                # Both make users, and two at once find /etc/passwd locked.
                after=[installed],
                parent=self,
            )
        self.register_outputs({})

    def _service(
        self, name: str, cluster: Cluster, service_name: str, service: VmServiceSettings, args: OnboardingArgs
    ) -> None:
        kubernetes.core.v1.Service(
            name,
            metadata={
                "name": vm_service(service_name, args.vm.name),
                "namespace": args.settings.namespace,
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"selector": {VM_LABEL: args.vm.name}, "ports": [{"name": "http", "port": service.port}]},
            opts=self._in(cluster, args),
        )

    def _workload_group(self, name: str, args: OnboardingArgs) -> list[pulumi.Resource]:
        metadata = ObjectMetaArgs(name=args.vm.name, namespace=args.settings.namespace)
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=metadata,
            automount_service_account_token=False,
            opts=self._in(args.cluster, args),
        )
        group = kubernetes.apiextensions.CustomResource(
            f"{name}-group",
            api_version="networking.istio.io/v1",
            kind="WorkloadGroup",
            metadata=metadata,
            spec={
                # Labels belong here, not on the entries alone, or telemetry lacks them (istio/istio#33299).
                "metadata": {
                    "labels": {
                        "app": next(iter(args.settings.services)),
                        "version": "vm",
                        VM_LABEL: args.vm.name,
                    }
                },
                "template": {
                    "serviceAccount": args.vm.name,
                    "network": args.settings.network,
                    "ports": {service_name: service.port for service_name, service in args.settings.services.items()},
                },
                "probe": _probe(args.settings.probe),
            },
            opts=self._in(args.cluster, args, after=[args.meshes[args.cluster.name].control_plane]),
        )
        return [account, group]

    def _in(
        self, cluster: Cluster, args: OnboardingArgs, after: Sequence[pulumi.Resource] = ()
    ) -> pulumi.ResourceOptions:
        return cluster.inside(self, args.meshes[cluster.name].namespaces[args.settings.namespace], *after)


def _probe(probe: ProbeSettings) -> dict[str, Any]:
    """Readiness probe of the group: the VM's services have endpoints only while it succeeds."""
    return {
        "httpGet": {"path": probe.path, "port": probe.port},
        "periodSeconds": probe.period_seconds,
        "failureThreshold": probe.failure_threshold,
    }
