"""The right to see which pods there are, and nothing else."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.cluster import Cluster
from components.mesh import Mesh
from settings import MANAGEMENT_NAMESPACE, SYSTEM_NAMESPACE

_GROUP = "rbac.authorization.k8s.io"


def pod_reader(
    name: str, account: str, namespace: str, cluster: Cluster, mesh: Mesh, parent: pulumi.Resource
) -> pulumi.Resource:
    """Declares it for an ``account`` of the management namespace, in one ``namespace``."""
    home = mesh.system_namespace if namespace == SYSTEM_NAMESPACE else mesh.namespaces[namespace]
    metadata = ObjectMetaArgs(name=account, namespace=namespace)
    role = kubernetes.rbac.v1.Role(
        f"{name}-role",
        metadata=metadata,
        rules=[PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "list", "watch"])],
        opts=cluster.inside(parent, home),
    )
    return kubernetes.rbac.v1.RoleBinding(
        f"{name}-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=_GROUP, kind="Role", name=account),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=MANAGEMENT_NAMESPACE)],
        opts=cluster.inside(parent, role),
    )
