"""What a workload needs of the nodes that it runs on: an image that may be nowhere else, and room that outlives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_command import local

from components.cluster import Cluster
from components.kind_cluster import KindCluster
from components.mesh import Mesh
from components.scripts import script
from settings import MANAGEMENT_NAMESPACE
from toolchain.artifacts import ManagementImage

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import VolumeArgsDict


@dataclass(frozen=True, kw_only=True)
class Room:
    """The volume ``data`` of a pod, and what has to be there first."""

    volume: VolumeArgsDict
    after: Sequence[pulumi.Resource]


def loaded(name: str, image: ManagementImage, cluster: Cluster, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """What a pod of ``image`` waits for: that kind's node has it, where nodes cannot pull it."""
    if image.archive is None or not isinstance(cluster, KindCluster):
        return []
    environment = {"IMAGES": image.reference, "ARCHIVE": image.archive}
    return [_on_node(f"{name}-image", cluster, environment, parent, create="kind-load.sh")]


def room(
    name: str, folder: str, gigabytes: int, owner: int, cluster: Cluster, mesh: Mesh, parent: pulumi.Resource
) -> Room:
    """A volume that outlives pods: a claim of the cluster's default storage class, or a folder of kind's node.

    A claim would do on kind's own node image too; on one without its provisioner, it leads to a folder of root's, and
    nothing in the pod is root to give it to its ``owner``, who is user and group.
    """
    if isinstance(cluster, KindCluster):
        path = f"/var/lib/vm-mesh/{folder}"
        environment = {"FOLDER": path, "OWNER": str(owner)}
        scripts = {"create": "kind-folder.sh", "delete": "kind-folder-remove.sh"}
        made = _on_node(f"{name}-folder", cluster, environment, parent, **scripts)
        return Room(volume={"name": "data", "host_path": {"path": path, "type": "Directory"}}, after=[made])
    claim = kubernetes.core.v1.PersistentVolumeClaim(
        f"{name}-claim",
        # Many classes make the volume where the first pod is, and so not before there is one.
        metadata={
            "name": folder,
            "namespace": MANAGEMENT_NAMESPACE,
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec={"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{gigabytes}Gi"}}},
        opts=cluster.inside(parent, mesh.namespaces[MANAGEMENT_NAMESPACE]),
    )
    return Room(volume={"name": "data", "persistent_volume_claim": {"claim_name": folder}}, after=[claim])


def _on_node(
    name: str,
    cluster: KindCluster,
    environment: Mapping[str, str],
    parent: pulumi.Resource,
    *,
    create: str,
    delete: str | None = None,
) -> pulumi.Resource:
    return local.Command(
        name,
        create=script(create),
        delete=script(delete) if delete else None,
        environment={"CLUSTER": cluster.kind_name, **environment},
        triggers=[cluster.node.id],
        opts=pulumi.ResourceOptions(
            parent=parent, depends_on=[cluster.node], delete_before_replace=True, deleted_with=cluster.node
        ),
    )
