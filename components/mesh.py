"""Istio in a cluster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.helm import v3 as helm

from components.cluster import Cluster
from components.connections import renewed_by_default
from components.default_validator import default_validator
from components.istio_object import istio_object
from components.istiod_values import istiod_values
from components.revisions import Revisions, istiod_service
from components.trust import Authority
from settings import MANAGEMENT_NAMESPACE, SYSTEM_NAMESPACE, IstioSettings, MeshSettings

__all__ = ["SYSTEM_NAMESPACE", "Mesh", "MeshArgs"]


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    """How Istio is installed in a cluster."""

    cluster: Cluster
    authority: Authority
    """The cluster's CA."""
    mesh: MeshSettings
    istio: IstioSettings
    """Which control planes there are, and which of them is whose."""
    hub: str
    """Registry and path of the images of revisions that name none."""
    tag: str
    istio_proxy: bool
    """Whether the proxy is Istio's build of Envoy; False: upstream Envoy, which lacks Istio's own filters."""
    charts: str
    """Folder of Istio's charts, relative to the project; for revisions that name none."""
    namespaces: Sequence[str]
    """Namespaces whose pods get a sidecar."""
    network_gateways: Mapping[str, Sequence[str]]
    """Network -> addresses of its gateways. istiod finds all others by their Services; a name it resolves anew as the
    DNS record's time to live ends (RESOLVE_HOSTNAME_GATEWAYS, pilot/pkg/model/network.go)."""
    networks_of_one: Collection[str]
    """Networks that hold one cluster and no other."""
    providers: Sequence[Mapping[str, Any]] = ()
    """To whom proxies can send access logs and spans, as mesh config has it; a Telemetry resource has them do so."""


class Mesh(pulumi.ComponentResource):
    """Istio in one cluster of a multi-primary mesh: its namespace, CA, control plane, and STRICT mTLS for all.

    Follows Istio's "Install Multi-Primary on different networks", and its "Canary Upgrades" for revisions side by side.
    """

    namespaces: dict[str, pulumi.Resource]
    """The namespaces of the cluster that take part in the mesh, by name."""
    system_namespace: pulumi.Resource
    revisions: Revisions
    control_planes: dict[str, pulumi.Resource]
    """By revision. What waits for its own can have a sidecar injected."""
    networks_of_one: Collection[str]

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Mesh", name, None, opts)
        self.revisions = Revisions(istio=args.istio, mesh=args.mesh)
        self.networks_of_one = args.networks_of_one
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
            {"defaultRevision": ""},  # ``default_validator`` is that
            [self.system_namespace],
        )
        self.control_planes = {
            revision: self._release(
                f"{name}-{istiod_service(revision)}",
                istiod_service(revision),
                f"{own.charts or args.charts}/istiod",
                istiod_values(args, self.revisions, revision),
                [base, authority, *args.cluster.ready],
            )
            for revision, own in args.istio.revisions.items()
        }
        # Only an istiod that is there can check what is written, so it moves with the mesh's revision.
        default_validator(f"{name}-validator", args.istio.revision, args.authority.ca_bundle, self.control_plane, self)
        istio_object(
            f"{name}-strict-mtls",
            "PeerAuthentication",
            {"name": "default", "namespace": SYSTEM_NAMESPACE},
            {"mtls": {"mode": "STRICT"}},
            pulumi.ResourceOptions(parent=self, depends_on=[self.control_plane]),
        )
        callers = [namespace for namespace in args.namespaces if namespace != MANAGEMENT_NAMESPACE]
        if callers:
            renewed_by_default(name, callers, self, self.control_plane)
        self.namespaces = {namespace: self._namespace(name, namespace) for namespace in args.namespaces}
        self.register_outputs({})

    @property
    def control_plane(self) -> pulumi.Resource:
        """That of the mesh's revision."""
        return self.control_planes[self.revisions.istio.revision]

    def injects(self, namespace: str) -> list[pulumi.Resource]:
        """What a pod in ``namespace`` waits for, to get its sidecar."""
        return [self.control_planes[self.revisions.of(namespace)], self.namespaces[namespace]]

    def configures(self, namespace: str) -> list[pulumi.Resource]:
        """What an object of Istio's API in ``namespace`` waits for: who checks it, and where it is."""
        return [self.control_plane, self.namespaces[namespace]]

    def pods_of(self, cluster: Cluster) -> dict[str, str]:
        """Labels that tell the pods of ``cluster`` from those of all others, as this control plane knows them.

        Istio's label of the network, where that is enough. Its label of the cluster is not, while clusters know each
        other by entries: what is written down here for another cluster gets the name of this one, whatever the entry
        says (``AugmentLabels`` in pilot/pkg/serviceregistry/util/label).
        """
        if cluster.network in self.networks_of_one:
            return {"topology.istio.io/network": cluster.network}
        return {"topology.istio.io/cluster": cluster.name}

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
            metadata={"name": namespace, "labels": self.revisions.label(namespace)},
            opts=pulumi.ResourceOptions(parent=self),
        )
