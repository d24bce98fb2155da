"""What people look at, by a port-forward: a pod with pages, that the mesh does not call."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from components.prometheus import deployment, metadata_of
from settings import MANAGEMENT_NAMESPACE


@dataclass(frozen=True, kw_only=True)
class Page:
    """Where pages are served, and of what."""

    app: str
    """Name of the deployment, its account and its label."""
    image: str
    port: int
    health: str
    """Path at which it says that it is ready."""
    user: int
    """User, and group, that it runs as."""
    calls_api: bool
    """Whether it gets its account's token, by which it reads the cluster."""
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Mapping[str, tuple[str, Mapping[str, Any]]]
    """Volume -> where it is, and what it is; only a folder that is empty at first can be written to."""
    cluster: Cluster
    mesh: Mesh

    def closed_but_for(self, name: str, rules: Sequence[Mapping[str, Any]], parent: pulumi.Resource) -> pulumi.Resource:
        """Declares who in the mesh may call it: without ``rules``, nobody. A port-forward does not pass its sidecar."""
        return istio_object(
            f"{name}-closed",
            "AuthorizationPolicy",
            metadata_of({"app": self.app}),
            {
                "selector": {"matchLabels": {"app": self.app}},
                "action": "ALLOW",
                **({"rules": list(rules)} if rules else {}),
            },
            self.cluster.inside(parent, *self.mesh.configures(MANAGEMENT_NAMESPACE)),
        )

    def deployed(
        self, name: str, digest: pulumi.Input[str], parent: pulumi.Resource, after: Sequence[pulumi.Resource]
    ) -> None:
        """Declares the deployment. Files are read at its start only, so another ``digest`` of them starts it anew."""
        revisions = self.mesh.revisions
        deployment(
            f"{name}-deployment",
            {"app": self.app},
            {**revisions.rolled_by(revisions.of(MANAGEMENT_NAMESPACE)), "vm-mesh/config": digest},
            self._pod_spec(),
            self.cluster.inside(parent, *self.mesh.injects(MANAGEMENT_NAMESPACE), *self.cluster.ready, *after),
        )

    def _pod_spec(self) -> dict[str, Any]:
        get = {"path": self.health, "port": self.port}
        return {
            "service_account_name": self.app,
            "automount_service_account_token": self.calls_api,
            "security_context": {"fs_group": self.user, "seccomp_profile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": self.app,
                    "image": self.image,
                    "image_pull_policy": "IfNotPresent",
                    "args": list(self.arguments),
                    "env": [{"name": key, "value": value} for key, value in self.environment.items()],
                    "ports": [{"name": "http", "container_port": self.port}],
                    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
                    "readiness_probe": {"http_get": get, "period_seconds": 5, "timeout_seconds": 3},
                    # It may have to hear from every cluster, or to make its database, before it serves.
                    "startup_probe": {
                        "http_get": get,
                        "period_seconds": 5,
                        "timeout_seconds": 3,
                        "failure_threshold": 60,
                    },
                    "liveness_probe": {
                        "http_get": get,
                        "period_seconds": 10,
                        "timeout_seconds": 5,
                        "failure_threshold": 6,
                    },
                    "security_context": {
                        "run_as_non_root": True,
                        "run_as_user": self.user,
                        "run_as_group": self.user,
                        "read_only_root_filesystem": True,
                        "allow_privilege_escalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volume_mounts": [
                        {"name": volume, "mount_path": path, "read_only": "empty_dir" not in source}
                        for volume, (path, source) in self.files.items()
                    ],
                }
            ],
            "volumes": [{"name": volume, **source} for volume, (_, source) in self.files.items()],
        }


def digest(*texts: pulumi.Input[str]) -> pulumi.Output[str]:
    """Changes when a text does, and tells nothing of keys that are in it."""
    found = pulumi.Output.all(*texts).apply(lambda texts: hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16])
    return pulumi.Output.unsecret(found)
