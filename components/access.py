"""Who may call what, in every cluster and on every VM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from settings import Policy


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """The policies, and where they hold."""

    policies: Sequence[Policy]
    clusters: Mapping[str, Cluster]
    meshes: Mapping[str, Mesh]


class Access(pulumi.ComponentResource):
    """The same authorization policies in every cluster; a VM's sidecar has them of the cluster that it joins.

    The server's sidecar checks the identity that mTLS has proven, and the east-west gateways pass mTLS through, so it
    does not matter from which cluster or machine a call comes. What denies comes after all that allows, and goes before
    it: no call that is meant to be allowed is ever refused.
    """

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Access", name, None, opts)
        allowed = [
            self._policy(name, policy, cluster, args)
            for cluster in args.clusters.values()
            for policy in args.policies
            if not policy.denies
        ]
        for cluster in args.clusters.values():
            for policy in args.policies:
                if policy.denies:
                    self._policy(name, policy, cluster, args, after=allowed)
        self.register_outputs({})

    def _policy(
        self, name: str, policy: Policy, cluster: Cluster, args: AccessArgs, after: Sequence[pulumi.Resource] = ()
    ) -> pulumi.Resource:
        return istio_object(
            f"{name}-{cluster.name}-{policy.namespace}-{policy.name}",
            "AuthorizationPolicy",
            {"name": policy.name, "namespace": policy.namespace},
            policy.spec,
            cluster.inside(self, *args.meshes[cluster.name].configures(policy.namespace), *after),
        )
