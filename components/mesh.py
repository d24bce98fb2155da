"""Istio in a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.helm import v3 as helm

from components.cluster import Cluster
from components.istiod_values import istiod_values
from components.trust import Authority
from settings import MeshSettings

SYSTEM_NAMESPACE = "istio-system"
ISTIOD_HOST = f"istiod.{SYSTEM_NAMESPACE}.svc"
"""Name of the control plane in its certificate, by which agents ask for it."""


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    """How Istio is installed in a cluster."""

    cluster: Cluster
    authority: Authority
    """The cluster's CA."""
    mesh: MeshSettings
    hub: str
    """Registry and path of Istio's images."""
    tag: str
    istio_proxy: bool
    """Whether the proxy is Istio's build of Envoy; False: upstream Envoy, which lacks Istio's own filters."""
    charts: str
    """Folder of Istio's charts, relative to the project."""
    namespaces: Sequence[str]
    """Namespaces whose pods get a sidecar."""
    network_gateways: Mapping[str, Sequence[str]]
    """Network -> DNS names of its gateways. istiod finds all others by their Services; a name it resolves anew as the
    DNS record's time to live ends (RESOLVE_HOSTNAME_GATEWAYS, pilot/pkg/model/network.go)."""


class Mesh(pulumi.ComponentResource):
    """Istio in one cluster of a multi-primary mesh: its namespace, CA, control plane, and STRICT mTLS for all.

    Follows Istio's "Install Multi-Primary on different networks".
    """

    namespaces: dict[str, pulumi.Resource]
    """The namespaces of the cluster that take part in the mesh, by name."""
    system_namespace: pulumi.Resource
    control_plane: pulumi.Resource
    """What waits for it can have a sidecar injected."""

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Mesh", name, None, opts)
        self.system_namespace = kubernetes.core.v1.Namespace(
            f"{name}-system",
            metadata={
                "name": SYSTEM_NAMESPACE,
                "labels": {"topology.istio.io/network": args.cluster.network},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        authority = kubernetes.core.v1.Secret(
            f"{name}-cacerts",
            metadata={"name": "cacerts", "namespace": SYSTEM_NAMESPACE},
            string_data={
                "ca-cert.pem": args.authority.certificate,
                "ca-key.pem": args.authority.key,
                "cert-chain.pem": args.authority.chain,
                "root-cert.pem": args.authority.root,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.system_namespace]),
        )
        base = self._release(
            f"{name}-base",
            "istio-base",
            f"{args.charts}/base",
            {"defaultRevision": "default"},
            [self.system_namespace],
        )
        self.control_plane = self._release(
            f"{name}-istiod",
            "istiod",
            f"{args.charts}/istiod",
            istiod_values(args),
            [base, authority, *args.cluster.ready],
        )
        kubernetes.apiextensions.CustomResource(
            f"{name}-strict-mtls",
            api_version="security.istio.io/v1",
            kind="PeerAuthentication",
            metadata={"name": "default", "namespace": SYSTEM_NAMESPACE},
            spec={"mtls": {"mode": "STRICT"}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.control_plane]),
        )
        self.namespaces = {namespace: self._namespace(name, namespace) for namespace in args.namespaces}
        self.register_outputs({})

    def _release(
        self, name: str, release: str, chart: str, values: Mapping[str, Any], after: Sequence[pulumi.Resource]
    ) -> helm.Release:
        return helm.Release(
            name,
            name=release,
            namespace=SYSTEM_NAMESPACE,
            chart=chart,
            values=values,
            timeout=180,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _namespace(self, name: str, namespace: str) -> pulumi.Resource:
        # `default` is there already, and not ours to remove: only the label is.
        kind = kubernetes.core.v1.NamespacePatch if namespace == "default" else kubernetes.core.v1.Namespace
        return kind(
            f"{name}-{namespace}",
            metadata={"name": namespace, "labels": {"istio-injection": "enabled"}},
            opts=pulumi.ResourceOptions(parent=self),
        )
