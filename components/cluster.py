"""What every cluster of the mesh offers to the components built on it, wherever it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

INGRESS_PORT = {"name": "http2", "port": 80, "targetPort": 80, "protocol": "TCP"}
"""Port of the gateway that people call."""


class Cluster(pulumi.ComponentResource):
    """A Kubernetes cluster that is, or is about to be, part of the mesh.

    ``KindCluster`` makes one, ``ExistingCluster`` takes one that is there. Everything else is written against this
    class, so that it runs on either.
    """

    name: str
    """Name of the cluster in the mesh (Istio's cluster ID), and of the destination that its pods are."""
    network: str
    """Istio network of its pods: endpoints of another network are reached through that network's gateway."""
    kubeconfig: pulumi.Output[str]
    """Kubeconfig as the machine that runs Pulumi uses it. Secret."""
    provider: kubernetes.Provider
    context: str
    """Context in the kubeconfig."""
    api_server: pulumi.Output[str]
    """URL under which the other clusters reach the API server."""
    gateway_service: pulumi.Output[dict[str, Any]]
    """``type`` of the Service of the gateway that other networks call, ``externalIPs`` and ``annotations``."""
    gateway_address: pulumi.Output[str] | None
    """IP address or DNS name of that gateway; None: what its load balancer gets."""
    gateway_name: str | None
    """DNS name by which istiod finds the gateway of the network, where the gateway's Service has no address."""
    gateway_known: Sequence[str]
    """Addresses of that gateway that are known before it is there: for clusters that cannot look up its Service."""
    ingress_service: pulumi.Output[dict[str, Any]]
    """The same for the gateway that people call, with its ``ports``."""
    ingress_url: pulumi.Output[str] | None
    """Where people reach what the cluster exposes; None: at the ingress gateway's load balancer."""
    ready: list[pulumi.Resource]
    """What workloads wait for before they start (the images that they need among it)."""
    deleted_with: pulumi.Resource | None
    """What takes everything in the cluster with it when it goes; None: each object is removed by itself."""

    def inside(self, parent: pulumi.Resource, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """Options of an object in this cluster that a component of several clusters declares."""
        return pulumi.ResourceOptions(
            parent=parent, provider=self.provider, deleted_with=self.deleted_with, depends_on=list(after)
        )

    def _connect(self, identity: str, context: str) -> kubernetes.Provider:
        """Provider for the cluster; ``identity`` names the cluster itself, however its kubeconfig changes.

        Without ``cluster_identifier`` a kubeconfig that is not known yet makes a preview show everything in the
        cluster replaced (pulumi/pulumi-kubernetes, ``DiffConfig``).
        """
        self.context = context
        return kubernetes.Provider(
            f"{self.name}-kubernetes",
            kubeconfig=self.kubeconfig,
            context=context,
            cluster_identifier=identity,
            # Else a Secret whose data change is deleted and made anew: istiod would lose a remote cluster meanwhile.
            enable_secret_mutable=True,
            # And a ConfigMap with all that has it as a file: metrics would have a gap whenever a machine comes or goes.
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )


def network_gateways(clusters: Iterable[Cluster], *, keyless: bool) -> dict[str, list[str]]:
    """Network -> addresses of those of its gateways that istiod is told, for it cannot take them of their Services.

    ``keyless``: whether it sees no other cluster's Services.
    """
    found: dict[str, list[str]] = {}
    for cluster in clusters:
        named = [cluster.gateway_name] if cluster.gateway_name else []
        if told := [*cluster.gateway_known] if keyless else named:
            found.setdefault(cluster.network, []).extend(told)
    return found
