"""A cluster that kind makes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_command import local

from components.cluster import INGRESS_PORT, Cluster
from components.scripts import NOTHING, script
from settings import KindSettings

INGRESS_NODE_PORT = 30080
"""Port of the node on which the ingress gateway listens; kind maps it to a port of 127.0.0.1."""

# The east-west gateway's own ports (15012, 15443) are ports of the node too, so that it is reached at whatever address
# the node has. What else the node listens on is below these.
# One node has no leader to elect, and a leader that cannot renew its lease in 5 s ends itself, again and again where a
# machine is busy with nodes that start.
_ALONE = {"extraArgs": {"leader-elect": "false"}}
_KUBEADM = {
    "kind": "ClusterConfiguration",
    "apiServer": {"extraArgs": {"service-node-port-range": "15000-32767"}},
    "controllerManager": _ALONE,
    "scheduler": _ALONE,
}


@dataclass(frozen=True, kw_only=True)
class KindClusterArgs:
    """What a kind cluster is made from."""

    name: str
    """Name in the mesh."""
    kind_name: str
    """Name in kind; the node's container is ``<kind_name>-control-plane``."""
    network: str
    """Istio network of the pods."""
    docker_network: pulumi.Input[str]
    """Docker network of the node, shared with the other clusters' nodes and the container VMs."""
    kind: KindSettings
    node_image: str
    """Node image of a config that names none."""
    node_config: Mapping[str, Any]
    """Kind config that this image needs."""
    images: Sequence[str]
    """Images of the local Docker engine that the nodes cannot pull."""


class KindCluster(Cluster):
    """One node made by kind, with the images that it cannot pull. Anything that it is made from replaces it."""

    def __init__(self, name: str, args: KindClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:KindCluster", name, None, opts)
        self.name, self.network, self.kind_name = args.name, args.network, args.kind_name
        node = f"{args.kind_name}-control-plane"
        if len(node) > 63:
            raise pulumi.RunError(f"vm-mesh:clusters.{args.name}: kind's node would be '{node}'; use a shorter name")
        image, config = args.kind.node_image or args.node_image, json.dumps(_config(args))

        # kind cannot change a cluster: every input that shapes it replaces it, the old one first since names are fixed.
        self.node = local.Command(
            f"{name}-node",
            create=script("kind-create.sh"),
            update=NOTHING,
            delete=script("kind-delete.sh"),
            environment={
                "CLUSTER": args.kind_name,
                "IMAGE": image,
                "KIND_EXPERIMENTAL_DOCKER_NETWORK": args.docker_network,
            },
            stdin=config,
            triggers=[args.kind_name, image, config],
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.kubeconfig = pulumi.Output.secret(self._read("kubeconfig", args.kind_name, secret=True))
        self.provider = self._connect(args.kind_name, f"kind-{args.kind_name}")
        # Docker may give the node another address whenever it starts. Its name stays, the node's certificate names it,
        # and everything on the network knows it from Docker, so that others reach the cluster by name only.
        self.api_server = pulumi.Output.from_input(f"https://{node}:6443")
        self.gateway_service = pulumi.Output.from_input({"type": "NodePort"})
        self.gateway_address, self.gateway_name = pulumi.Output.from_input(node), node
        self.gateway_known = (node,)
        self.ingress_service = pulumi.Output.from_input(
            {"type": "NodePort", "ports": [{**INGRESS_PORT, "nodePort": INGRESS_NODE_PORT}]}
        )
        port = args.kind.ingress_port
        self.ingress_url = (
            pulumi.Output.from_input(f"http://127.0.0.1:{port}")
            if port
            else self._read("address", args.kind_name).apply(lambda ip: f"http://{ip}:{INGRESS_NODE_PORT}")
        )
        self.ready = [self.node, *self._load(args)]
        self.deleted_with = self.node
        self.register_outputs({})

    def _read(self, what: str, cluster: str, *, secret: bool = False) -> pulumi.Output[str]:
        """Output of a command whose inputs never change: no edit elsewhere makes it unknown in a preview."""
        reader = local.Command(
            f"{self.name}-{what}",
            create=script(f"kind-{what}.sh"),
            environment={"CLUSTER": cluster},
            triggers=[self.node.id],
            logging=local.Logging.NONE if secret else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self.node],
                delete_before_replace=True,
                additional_secret_outputs=["stdout"] if secret else None,
            ),
        )
        return reader.stdout.apply(str.strip)

    def _load(self, args: KindClusterArgs) -> list[pulumi.Resource]:
        if not args.images:
            return []
        return [
            local.Command(
                f"{self.name}-images",
                create=script("kind-load.sh"),
                environment={"CLUSTER": args.kind_name, "IMAGES": " ".join(args.images)},
                triggers=[self.node.id],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[self.node], delete_before_replace=True),
            )
        ]


def _config(args: KindClusterArgs) -> dict[str, Any]:
    mapping = {
        "containerPort": INGRESS_NODE_PORT,
        "hostPort": args.kind.ingress_port,
        "listenAddress": "127.0.0.1",
    }
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [
            {
                "role": "control-plane",
                "extraPortMappings": [mapping] if args.kind.ingress_port else [],
                "kubeadmConfigPatches": [json.dumps(_KUBEADM)],
            }
        ],
        **args.node_config,
    }
