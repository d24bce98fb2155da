"""The virtual machines: where they are, what they run, and what their sidecars do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.model import Model
from settings.names import VM_LABEL
from settings.values import (
    Cidr,
    Command,
    HostKey,
    HostName,
    Image,
    LabelName,
    LabelValue,
    Line,
    Name,
    Namespace,
    PackageSource,
    Path,
    Port,
    PositiveCount,
    ServicePort,
    Sha256,
    UrlPath,
    UserName,
)


class HttpProbe(Model):
    """A request that a healthy machine answers with 2xx or 3xx."""

    path: UrlPath = "/"
    port: Port


class TcpProbe(Model):
    """A port that a healthy machine takes connections on."""

    port: Port


class ExecProbe(Model):
    """A command that ends with 0 on a healthy machine; the agent's user ``istio-proxy`` runs it."""

    command: Annotated[tuple[Line, ...], Field(min_length=1)]


class ProbeSettings(Model):
    """What a machine's agent asks to know that it can serve; until it answers, no caller sees the machine."""

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    exec: ExecProbe | None = None
    period_seconds: PositiveCount = 2
    timeout_seconds: PositiveCount = 1
    failure_threshold: PositiveCount = 2


class VmServiceSettings(Model):
    """A service that runs on a VM."""

    port: ServicePort
    command: Command | None = None
    """Command line that runs in the foreground; the VM's init starts it again when it ends. None: it runs already."""


class ContainerSettings(Model):
    """A machine that is a Docker container."""

    image: Image | None = None
    """Image with an init; default: the toolchain's."""


class JumpSettings(Model):
    """A host by way of which another one is reached."""

    address: HostName
    user: UserName = "root"
    """root, or a user whom sudo asks for no password; of a host that is only passed by, any user."""
    port: Port = 22
    host_key: HostKey
    """The host's public key: only a machine that has its private half is spoken to."""

    def words(self) -> list[str]:
        """The place as ``bootstrap/ssh.sh`` is told it."""
        key = self.host_key.replace(" ", ":")
        return [f"address={self.address}", f"user={self.user}", f"port={self.port}", f"key={key}"]


class HostSettings(JumpSettings):
    """A machine that is there already, reached by SSH."""

    identity_file: Path | None = None
    """Private key on the machine that runs Pulumi; default: those of SSH's agent and of its own default files."""
    jump: JumpSettings | None = None

    def transport(self) -> str:
        """The command line that runs a command on the host as root: OpenSSH, told all that it needs to know.

        It matters not who runs it, but for the private key: ``~/.ssh/config`` and ``known_hosts`` are not asked.
        """
        identity = [f"identity={self.identity_file}"] if self.identity_file else []
        jump = [f"jump-{word}" for word in self.jump.words()] if self.jump else []
        return " ".join(["sh", "bootstrap/ssh.sh", *self.words(), *identity, *jump, "--"])


class MachineSettings(Model):
    """Where a machine of a VM is: a container, unless it is a host."""

    container: ContainerSettings | None = None
    host: HostSettings | None = None


class CaptureSettings(Model):
    """Traffic that the sidecar leaves alone. Coming in, only the services' own ports are ever captured."""

    exclude_outbound_ports: tuple[Port, ...] = ()
    exclude_outbound_cidrs: tuple[Cidr, ...] = Field(default=(), alias="excludeOutboundCIDRs")
    exclude_interfaces: tuple[Line, ...] = ()
    """Network interfaces on which nothing is captured."""


class SidecarSettings(Model):
    """The istio-sidecar package; default: the toolchain's."""

    package: PackageSource
    sha256: Sha256

    @property
    def kind(self) -> str:
        """``deb`` or ``rpm``."""
        return self.package.rpartition(".")[2]


class VmSettings(Model):
    """A virtual machine in the mesh, or several that serve the same: one destination, one identity."""

    cluster: str
    """Cluster whose control plane the VM joins."""
    revision: str | None = None
    """Revision of Istio that the VM joins; default: whichever is the mesh's."""
    network: str = "vm-network"
    namespace: Namespace = "virtual-machines"
    container: ContainerSettings | None = None
    host: HostSettings | None = None
    machines: dict[Name, MachineSettings] | None = Field(default=None, min_length=1)
    """The machines of the VM; default: one of the VM's own name, which ``container`` or ``host`` describes."""
    services: Annotated[dict[Name, VmServiceSettings], Field(min_length=1)]
    probe: ProbeSettings
    registration: Literal["auto", "static"] = "auto"
    """Whether a machine's agent makes its workload entry when it connects, or the program declares it."""
    labels: dict[LabelName, LabelValue] = {}
    """Labels beside, or in place of, ``app`` (the first service) and ``version`` (``vm``)."""
    capture: CaptureSettings = CaptureSettings()
    sidecar: SidecarSettings | None = None

    @property
    def ports(self) -> list[int]:
        """Ports of the services."""
        return [service.port for service in self.services.values()]

    @property
    def started_ports(self) -> list[int]:
        """Ports of those among the services that the bootstrap starts."""
        return [service.port for service in self.services.values() if service.command]

    def all_machines(self, name: str) -> dict[str, MachineSettings]:
        """The machines of the VM ``name``, by their names."""
        return self.machines or {name: MachineSettings(container=self.container, host=self.host)}

    def all_labels(self, name: str) -> dict[str, str]:
        """Labels of the workload entries of the VM ``name``, as Kiali and telemetry group them."""
        return {"app": next(iter(self.services)), "version": "vm", **self.labels, VM_LABEL: name}
