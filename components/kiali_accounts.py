"""By whose rights Kiali sees clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.cluster import Cluster
from components.credentials import kubeconfig_by, lasting_token
from components.mesh import Mesh
from settings import KIALI, MANAGEMENT_NAMESPACE

_GROUP = "rbac.authorization.k8s.io"
_ROLE = "vm-mesh-kiali"

# What it watches, and in the whole of a cluster: it has no other way for one elsewhere (``newManager`` in
# cmd/server.go), and where it may not watch a kind that it asks for, it stops watching all others. ConfigMaps are among
# them, where an istiod has its network (``getNetworkFromSidecarInejctorConfigMap`` in istio/discovery.go), but not
# Secrets, not the logs of pods and no way into a pod. Which kinds of Istio's and of the Gateway API it asks for, is its
# version's.
_READ = ["get", "list", "watch"]
_ISTIO = ("networking", "security", "telemetry", "extensions")
_GATEWAY_API = ("gateway.networking.k8s.io", "inference.networking.k8s.io")
_RULES = [
    PolicyRuleArgs(api_groups=[""], resources=["configmaps", "namespaces", "pods", "services"], verbs=_READ),
    PolicyRuleArgs(
        api_groups=["apps"], resources=["daemonsets", "deployments", "replicasets", "statefulsets"], verbs=_READ
    ),
    PolicyRuleArgs(api_groups=[f"{group}.istio.io" for group in _ISTIO], resources=["*"], verbs=_READ),
    PolicyRuleArgs(api_groups=list(_GATEWAY_API), resources=["*"], verbs=_READ),
]


@dataclass(frozen=True, kw_only=True)
class KialiAccountsArgs:
    """Which clusters are seen, and from where."""

    home: Cluster
    """Where Kiali runs."""
    clusters: Mapping[str, Cluster]
    """Those that it reads, its own among them."""
    meshes: Mapping[str, Mesh]


class KialiAccounts(pulumi.ComponentResource):
    """In each cluster that Kiali reads, an account that may read it and change nothing.

    Its own cluster's is the one that it runs as. Of the others it gets credentials, in the way of ``Federation``.
    """

    ready: list[pulumi.Resource]
    """What Kiali waits for."""
    kubeconfigs: dict[str, pulumi.Output[str]]
    """Other cluster -> kubeconfig of the account there. Secret."""

    def __init__(self, name: str, args: KialiAccountsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:KialiAccounts", name, None, opts)
        self.ready, self.kubeconfigs = [], {}
        for cluster in args.clusters.values():
            account = self._account(f"{name}-{cluster.name}", cluster, args.meshes[cluster.name])
            if cluster is not args.home:
                token = lasting_token(
                    f"{name}-{cluster.name}-token", KIALI, MANAGEMENT_NAMESPACE, account, cluster, self
                )
                self.kubeconfigs[cluster.name] = kubeconfig_by(token, cluster)
        self.register_outputs({})

    def _account(self, name: str, cluster: Cluster, mesh: Mesh) -> pulumi.Resource:
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=ObjectMetaArgs(name=KIALI, namespace=MANAGEMENT_NAMESPACE),
            automount_service_account_token=False,
            opts=cluster.inside(self, mesh.namespaces[MANAGEMENT_NAMESPACE]),
        )
        role = kubernetes.rbac.v1.ClusterRole(
            f"{name}-role", metadata={"name": _ROLE}, rules=_RULES, opts=cluster.inside(self)
        )
        binding = kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-binding",
            metadata={"name": _ROLE},
            role_ref=RoleRefArgs(api_group=_GROUP, kind="ClusterRole", name=_ROLE),
            subjects=[SubjectArgs(kind="ServiceAccount", name=KIALI, namespace=MANAGEMENT_NAMESPACE)],
            opts=cluster.inside(self, account, role),
        )
        self.ready.append(binding)
        return account
