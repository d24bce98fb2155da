"""Volumes in clusters that kind makes, whichever storage classes their node image has."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_command import local

from components.cluster import Cluster
from components.scripts import script
from settings import MANAGEMENT_NAMESPACE

_FOLDER = "/var/lib/vm-mesh/{}"


def node_folder(
    name: str,
    cluster: Cluster,
    kind_name: str,
    node: pulumi.CustomResource,
    parent: pulumi.Resource,
    claim: str,
    owner: int,
) -> pulumi.Resource:
    """Declares a folder of the one node, for a claim.

    Made from outside, because what Kubernetes makes there is root's, and nothing in the pod is root to give it away.
    """
    return local.Command(
        f"{name}-folder",
        create=script("kind-volume.sh"),
        delete=script("kind-volume-delete.sh"),
        environment={"CLUSTER": kind_name, "FOLDER": _FOLDER.format(claim), "OWNER": str(owner)},
        triggers=[node.id],
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=[node], deleted_with=cluster.deleted_with, delete_before_replace=True
        ),
    )


def node_volume(
    name: str, cluster: Cluster, parent: pulumi.Resource, claim: str, gigabytes: int, made: pulumi.Resource
) -> dict[str, Any]:
    """Declares the volume that the folder is; returns what its claim, and no other one, names."""
    volume = kubernetes.core.v1.PersistentVolume(
        f"{name}-volume",
        metadata={"name": f"vm-mesh-{claim}"},
        spec={
            "capacity": {"storage": f"{gigabytes}Gi"},
            "access_modes": ["ReadWriteOnce"],
            "storage_class_name": "",
            "persistent_volume_reclaim_policy": "Retain",
            "claim_ref": {"namespace": MANAGEMENT_NAMESPACE, "name": claim},
            "host_path": {"path": _FOLDER.format(claim), "type": "Directory"},
        },
        opts=cluster.inside(parent, made),
    )
    return {"storage_class_name": "", "volume_name": volume.metadata.name}
