"""Which control plane is whose: names and labels of Istio's revisions."""

from __future__ import annotations

from dataclasses import dataclass

from settings import SYSTEM_NAMESPACE, UNNAMED, IstioSettings, MeshSettings


def istiod_service(revision: str) -> str:
    """Name of the Service of a revision's istiod, and of its Helm release."""
    return "istiod" if revision == UNNAMED else f"istiod-{revision}"


@dataclass(frozen=True, kw_only=True)
class Revisions:
    """The control planes of a cluster, side by side, and who belongs to which (Istio's "Canary Upgrades")."""

    istio: IstioSettings
    mesh: MeshSettings

    def of(self, namespace: str) -> str:
        """Revision whose sidecars the pods of a namespace get."""
        return self.istio.revision_of(namespace)

    def label(self, namespace: str) -> dict[str, str]:
        """Label of a namespace by which its pods get their sidecars."""
        revision = self.of(namespace)
        return {"istio-injection": "enabled"} if revision == UNNAMED else {"istio.io/rev": revision}

    @property
    def of_gateways(self) -> str:
        return self.istio.gateways or self.istio.revision

    def rolled_by(self, revision: str) -> dict[str, str]:
        """Annotations of a pod template: a sidecar is made with its pod, so what shapes it has to make new pods."""
        annotations = {} if revision == UNNAMED else {"vm-mesh/revision": revision}
        if self.mesh.certificate_ttl:
            annotations["vm-mesh/certificate-ttl"] = self.mesh.certificate_ttl
        return annotations

    def tags(self, revision: str) -> list[str]:
        """Tags of a revision that has a name.

        `istio-injection: enabled`, which namespaces of others may have, means the tag `default`. The istiod without a
        name has that webhook by itself.
        """
        return ["default"] if revision == self.istio.revision and UNNAMED not in self.istio.revisions else []

    def istiod_host(self, revision: str | None = None) -> str:
        """Name under which an agent of ``revision`` reaches its istiod; None: whichever is the mesh's.

        The east-west gateway takes the name without a revision to the mesh's, so that a VM without one of its own
        follows the mesh and is not joined anew.
        """
        return f"{istiod_service(revision or UNNAMED)}.{SYSTEM_NAMESPACE}.svc"

    def istiod_routes(self) -> dict[str, str]:
        """Host that an agent names (:meth:`istiod_host`) -> host of the istiod that it is brought to."""
        named = [revision for revision in self.istio.revisions if revision != UNNAMED]
        routes = {self.istiod_host(): self.istiod_host(self.istio.revision)}
        return routes | {self.istiod_host(revision): self.istiod_host(revision) for revision in named}

    def istiod_services(self) -> list[str]:
        """Full names of the Services of every istiod."""
        return [f"{self.istiod_host(revision)}.cluster.local" for revision in self.istio.revisions]

    def config_maps(self) -> list[str]:
        """Names of the ConfigMaps that hold the settings of the mesh, one a revision."""
        return ["istio" if revision == UNNAMED else f"istio-{revision}" for revision in self.istio.revisions]
