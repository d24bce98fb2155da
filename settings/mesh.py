"""What the mesh is made of: Istio, its certificates, and where both come from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.model import Model
from settings.names import UNNAMED
from settings.values import (
    Certificates,
    DnsName,
    HttpUrl,
    Lifetime,
    Line,
    Name,
    Namespace,
    PrivateKey,
    Registry,
    Repository,
    Tag,
)


class MeshSettings(Model):
    """What all clusters and VMs of the mesh share."""

    id: DnsName = "mesh1"
    trust_domain: DnsName = "cluster.local"
    installed: Annotated[bool, Field(strict=True)] = False
    """Whether another stack has made the mesh: this one adds services, VMs and routes to it, and installs nothing."""
    certificate_ttl: Lifetime | None = None
    """How long the certificate of a workload is valid; it is renewed at half of that. Default: Istio's, 24h."""
    discovery: Literal["remoteSecrets", "serviceEntries"] = "remoteSecrets"
    """How clusters learn of each other's endpoints: they read them, or the program writes down where they are."""
    exported: tuple[str, ...] | None = None
    """Services that are written down for other clusters; default: those that have a route or run on a VM."""

    @property
    def keyless(self) -> bool:
        """Whether no cluster holds credentials of another one."""
        return self.discovery == "serviceEntries"


class RevisionSettings(Model):
    """A control plane that is installed beside others."""

    hub: Repository | None = None
    """Default: that of ``IstioSettings``."""
    tag: Tag | None = None
    charts: Line | None = None
    """Folder with Istio's charts of that version, in the project; default: the toolchain's."""


class IstioSettings(Model):
    """Which control planes there are, and who belongs to which.

    ``hub`` and ``tag`` say where Istio's images come from; default: what the toolchain has found or built.
    """

    hub: Repository | None = None
    tag: Tag | None = None
    revisions: Annotated[dict[Name, RevisionSettings], Field(min_length=1)] = {UNNAMED: RevisionSettings()}
    """Revisions that are installed side by side; ``default`` is the one without a name."""
    revision: str = UNNAMED
    """The mesh's: of every namespace, gateway and VM that has none of its own."""
    namespaces: dict[Namespace, str] = {}
    """Namespaces with another revision than the mesh's."""
    gateways: str | None = None
    """Revision of the gateways; default: the mesh's."""

    def revision_of(self, namespace: str) -> str:
        """The revision whose sidecars the pods of ``namespace`` get."""
        return self.namespaces.get(namespace, self.revision)


class MirrorSettings(Model):
    """Private mirrors, used by the toolchain in place of the publishers' hosts."""

    images: Registry | None = None
    charts: HttpUrl | None = None
    downloads: HttpUrl | None = None


class CaSettings(Model):
    """The user's own CA, which then signs the clusters' intermediates."""

    certificate: Certificates
    key: PrivateKey
