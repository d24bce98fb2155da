"""A pod that keeps on a disk what it is sent through the mesh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from components.cluster import Cluster
from components.istio_object import istio_object
from components.keeper_container import keeper_container
from components.mesh import Mesh
from components.on_node import loaded, room
from settings import MANAGEMENT_NAMESPACE
from toolchain.artifacts import ManagementImage

_USER = 65532


@dataclass(frozen=True, kw_only=True)
class KeeperArgs:
    """What runs, where, and who may send to it."""

    cluster: Cluster
    mesh: Mesh
    app: str
    """Name of its service account, and its label."""
    service: str
    """Name of its Service, and of all that is its own."""
    image: ManagementImage
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int
    protocol: str
    """Of the port, as Istio is told by its name: ``http`` or ``grpc``."""
    health: tuple[str, int]
    """Path and port at which it says that it is ready."""
    senders: Sequence[str]
    """Identities, without their scheme, that may call it; nobody else may."""
    paths: Sequence[str]
    """What they may call."""
    gigabytes: int
    memory: int
    """Megabytes that it may have."""


class Keeper(pulumi.ComponentResource):
    """A stateful set of one pod with a sidecar, its Service, account and volume, and the policy of who may call it.

    A stateful set, because a volume has one user at a time: the next pod is made when the last one is gone. It runs as
    nobody, writes nowhere but on its volume, and calls nothing by itself but what it is configured to.
    """

    ready: list[pulumi.Resource]
    """What waits for it."""

    def __init__(self, name: str, args: KeeperArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Keeper", name, None, opts)
        inside = args.cluster.inside(self, args.mesh.namespaces[MANAGEMENT_NAMESPACE])
        kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": args.app, "namespace": MANAGEMENT_NAMESPACE},
            automount_service_account_token=False,
            opts=inside,
        )
        service = keeper_service(f"{name}-service", args.service, args.app, args.port, args.protocol, inside)
        self.ready = [service, self._policy(name, args), self._pod(name, args)]
        self.register_outputs({})

    def _policy(self, name: str, args: KeeperArgs) -> pulumi.Resource:
        operation = {"ports": [str(args.port)], "methods": ["POST"], "paths": list(args.paths)}
        return istio_object(
            f"{name}-senders",
            "AuthorizationPolicy",
            {"name": args.service, "namespace": MANAGEMENT_NAMESPACE},
            {
                "selector": {"matchLabels": {"app": args.app}},
                "action": "ALLOW",
                "rules": [{"from": [{"source": {"principals": list(args.senders)}}], "to": [{"operation": operation}]}],
            },
            args.cluster.inside(self, *args.mesh.configures(MANAGEMENT_NAMESPACE)),
        )

    def _pod(self, name: str, args: KeeperArgs) -> pulumi.Resource:
        kept = room(name, args.service, args.gigabytes, _USER, args.cluster, args.mesh, self)
        container = keeper_container(
            args.app, args.image.reference, args.arguments, args.environment, args.port, args.health, args.memory
        )
        labels = {"app": args.app}
        revisions = args.mesh.revisions
        rolled_by = revisions.rolled_by(revisions.of(MANAGEMENT_NAMESPACE))
        return kubernetes.apps.v1.StatefulSet(
            f"{name}-pod",
            metadata={"name": args.service, "namespace": MANAGEMENT_NAMESPACE, "labels": labels},
            spec={
                "service_name": args.service,
                "selector": {"match_labels": labels},
                "template": {
                    "metadata": {"labels": labels, "annotations": rolled_by},
                    "spec": {
                        "service_account_name": args.app,
                        "automount_service_account_token": False,
                        "security_context": {
                            "run_as_non_root": True,
                            "run_as_user": _USER,
                            "run_as_group": _USER,
                            "fs_group": _USER,
                            "seccomp_profile": {"type": "RuntimeDefault"},
                        },
                        "containers": [container],
                        "volumes": [kept.volume],
                    },
                },
            },
            opts=args.cluster.inside(
                self,
                *kept.after,
                *args.mesh.injects(MANAGEMENT_NAMESPACE),
                *args.cluster.ready,
                *loaded(name, args.image, args.cluster, self),
            ),
        )


def keeper_service(
    name: str, service: str, app: str, port: int, protocol: str, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """Declares the Service of a keeper: where that runs, and in clusters that only call it."""
    return kubernetes.core.v1.Service(
        name,
        metadata={
            "name": service,
            "namespace": MANAGEMENT_NAMESPACE,
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={"selector": {"app": app}, "ports": [{"name": protocol, "port": port}]},
        opts=opts,
    )
