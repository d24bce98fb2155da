"""Clusters that learn each other's endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.cluster import Cluster
from components.credentials import kubeconfig_by, lasting_token
from components.mesh import SYSTEM_NAMESPACE, Mesh

_READER = "istio-remote-reader"

# What istiod watches in a remote cluster to know its endpoints (pilot/pkg/serviceregistry/kube/controller), no more:
# Istio's own reader role reads every Secret and ConfigMap of the cluster as well (istio/istio#59845). The price is that
# istiod waits for the Secrets until its timeout (``Mesh``) at each start, and that `istioctl remote-clusters` says so.
_READ = ["get", "list", "watch"]
_RULES = [
    PolicyRuleArgs(api_groups=[""], resources=["services", "pods", "nodes", "namespaces"], verbs=_READ),
    PolicyRuleArgs(api_groups=["discovery.k8s.io"], resources=["endpointslices"], verbs=_READ),
    PolicyRuleArgs(api_groups=["apiextensions.k8s.io"], resources=["customresourcedefinitions"], verbs=_READ),
    PolicyRuleArgs(api_groups=["networking.istio.io"], resources=["workloadentries"], verbs=_READ),
]


@dataclass(frozen=True, kw_only=True)
class FederationArgs:
    """Who learns of whom."""

    clusters: Mapping[str, Cluster]
    readers: Mapping[str, Cluster]
    """Clusters that call others, each of which learns of all others."""
    meshes: Mapping[str, Mesh]


class Federation(pulumi.ComponentResource):
    """In each cluster an account that may read endpoints, and its credentials in every other cluster.

    Only with ``mesh.discovery: remoteSecrets``; in its place, ``Exports`` writes down what clusters need to know.
    Follows Istio's "Enable Endpoint Discovery"; the remote secrets are plain resources instead of the output of
    ``istioctl create-remote-secret``, so that their rights are ours and their diff is seen.
    """

    def __init__(self, name: str, args: FederationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Federation", name, None, opts)
        for remote in args.clusters.values():
            token = self._reader(f"{name}-{remote.name}", remote, args.meshes[remote.name])
            for local in args.readers.values():
                if local is not remote:
                    self._remote_secret(f"{name}-{local.name}-knows-{remote.name}", local, remote, token, args)
        self.register_outputs({})

    def _reader(self, name: str, cluster: Cluster, mesh: Mesh) -> kubernetes.core.v1.Secret:
        """An account that may read endpoints, and a token for it that does not expire."""
        options = cluster.inside(self, mesh.system_namespace)
        metadata = ObjectMetaArgs(name=_READER, namespace=SYSTEM_NAMESPACE)
        account = kubernetes.core.v1.ServiceAccount(f"{name}-reader", metadata=metadata, opts=options)
        group = "rbac.authorization.k8s.io"
        subject = SubjectArgs(kind="ServiceAccount", name=_READER, namespace=SYSTEM_NAMESPACE)
        kubernetes.rbac.v1.ClusterRole(f"{name}-reader-role", metadata={"name": _READER}, rules=_RULES, opts=options)
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-reader-binding",
            metadata={"name": _READER},
            role_ref=RoleRefArgs(api_group=group, kind="ClusterRole", name=_READER),
            subjects=[subject],
            opts=options,
        )
        kubernetes.rbac.v1.Role(
            f"{name}-reader-system-role", metadata=metadata, rules=_system_rules(mesh), opts=options
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{name}-reader-system-binding",
            metadata=metadata,
            role_ref=RoleRefArgs(api_group=group, kind="Role", name=_READER),
            subjects=[subject],
            opts=options,
        )
        return lasting_token(f"{name}-reader-token", _READER, SYSTEM_NAMESPACE, account, cluster, self)

    def _remote_secret(
        self,
        name: str,
        local: Cluster,
        remote: Cluster,
        token: kubernetes.core.v1.Secret,
        args: FederationArgs,
    ) -> None:
        kubernetes.core.v1.Secret(
            name,
            metadata={
                "name": f"istio-remote-secret-{remote.name}",
                "namespace": SYSTEM_NAMESPACE,
                "labels": {"istio/multiCluster": "true"},
                "annotations": {"networking.istio.io/cluster": remote.name},
            },
            string_data=kubeconfig_by(token, remote).apply(lambda kubeconfig: {remote.name: kubeconfig}),
            opts=local.inside(self, args.meshes[local.name].system_namespace),
        )


def _system_rules(mesh: Mesh) -> list[PolicyRuleArgs]:
    """The settings of the mesh, as the remote cluster has them, each revision its own."""
    return [
        PolicyRuleArgs(
            api_groups=[""], resources=["configmaps"], resource_names=mesh.revisions.config_maps(), verbs=_READ
        )
    ]
