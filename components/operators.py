"""Who may change the routes by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.cluster import Cluster
from components.mesh import Mesh

_GROUP = "rbac.authorization.k8s.io"
_ROLE = "vm-mesh-route-operator"

# No creating and no deleting: which routes there are, the config says.
_RULES = [
    PolicyRuleArgs(
        api_groups=["networking.istio.io"],
        resources=["virtualservices", "destinationrules"],
        verbs=["get", "list", "watch", "update", "patch"],
    )
]


@dataclass(frozen=True, kw_only=True)
class OperatorsArgs:
    """Who operates the routes of which namespaces."""

    operators: Mapping[str, Sequence[str]]
    """``user:<name>`` or ``group:<name>`` -> namespaces."""
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]


class Operators(pulumi.ComponentResource):
    """A role and its binding in each namespace that has operators, the same in every cluster."""

    def __init__(self, name: str, args: OperatorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Operators", name, None, opts)
        subjects: dict[str, list[str]] = {}
        for subject, namespaces in args.operators.items():
            for namespace in namespaces:
                subjects.setdefault(namespace, []).append(subject)
        for cluster in args.clusters.values():
            for namespace, those in subjects.items():
                options = cluster.inside(self, args.meshes[cluster.name].namespaces[namespace])
                _grant(f"{name}-{cluster.name}-{namespace}", namespace, those, options)
        self.register_outputs({})


def _grant(name: str, namespace: str, subjects: Sequence[str], options: pulumi.ResourceOptions) -> None:
    metadata = ObjectMetaArgs(name=_ROLE, namespace=namespace)
    kubernetes.rbac.v1.Role(f"{name}-role", metadata=metadata, rules=_RULES, opts=options)
    kubernetes.rbac.v1.RoleBinding(
        f"{name}-binding",
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=_GROUP, kind="Role", name=_ROLE),
        subjects=[_subject(subject) for subject in subjects],
        opts=options,
    )


def _subject(subject: str) -> SubjectArgs:
    kind, _, name = subject.partition(":")
    return SubjectArgs(api_group=_GROUP, kind=kind.capitalize(), name=name)
