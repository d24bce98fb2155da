"""A machine's way into the mesh, and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.bootstrap_step import bootstrap_step
from components.cluster import Cluster
from components.east_west_gateway import WayIn
from components.istio_object import istio_object
from components.mesh import Mesh
from components.sidecar_config import cluster_env, mesh_config
from components.virtual_machine import VirtualMachine
from components.workload_group import WorkloadGroup
from settings import MACHINE_LABEL, ExtensionSettings, MeshSettings, SidecarSettings, VmSettings


@dataclass(frozen=True, kw_only=True)
class OnboardingArgs:
    """Which machine joins what, as whom, to serve what."""

    machine: VirtualMachine
    name: str
    """Name of the VM that the machine belongs to."""
    vm: VmSettings
    group: WorkloadGroup
    cluster: Cluster
    """Cluster whose control plane the machine joins."""
    istio: Mesh
    """Istio in that cluster."""
    gateway: WayIn
    """The cluster's gateway, by which the machine reaches the control plane."""
    mesh: MeshSettings
    package: SidecarSettings
    """The istio-sidecar package."""
    extensions: Mapping[str, ExtensionSettings]
    """Those of its proxy."""


class Onboarding(pulumi.ComponentResource):
    """The bootstrap that joins a machine, the services that run on it, and its leave once the config lacks it.

    Follows Istio's "Virtual Machine Installation", by the same scripts for every kind of machine. Nothing is changed on
    one that fails the preflight. The steps are taken back in the opposite order: a machine is drained and out of the
    mesh before its Services and its identity go.
    """

    joined: list[pulumi.Resource]
    """What a weight waits for before it names the machine."""

    def __init__(self, name: str, args: OnboardingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Onboarding", name, None, opts)
        identity = {
            "NAMESPACE": args.vm.namespace,
            "ACCOUNT": args.name,
            "TRUST_DOMAIN": args.mesh.trust_domain,
            "SELECTOR": f"{MACHINE_LABEL}={name}",
        }
        istiod = args.istio.revisions.istiod_host(args.vm.revision)
        ports = " ".join(map(str, args.vm.ports))
        sound = bootstrap_step(
            f"{name}-preflight",
            "preflight.sh",
            args.machine,
            {
                "GATEWAY": args.gateway.address,
                "PORTS": ports,
                "STARTED_PORTS": " ".join(map(str, args.vm.started_ports)),
                "KIND": args.package.kind,
            },
            after=args.gateway.ready,
            parent=self,
        )
        installed = bootstrap_step(
            f"{name}-sidecar",
            "install.sh",
            args.machine,
            {"PACKAGE": args.package.package, "PACKAGE_SHA256": args.package.sha256},
            after=[sound],
            parent=self,
        )
        # Before the join: a proxy that starts is told at once of modules that it then looks for.
        extended = [
            bootstrap_step(
                f"{name}-extension-{extension}",
                "extension.sh",
                args.machine,
                {"MODULE": it.file or "", "SHA256": it.sha256 or "" if it.file else ""},
                after=[installed],
                parent=self,
            )
            for extension, it in args.extensions.items()
        ]
        joined = bootstrap_step(
            f"{name}-join",
            "join.sh",
            args.machine,
            {
                **identity,
                "MESH_CONFIG": mesh_config(args.name, name, args.vm, args.mesh),
                "CLUSTER_ENV": args.gateway.address.apply(
                    lambda address: cluster_env(args.name, name, args.vm, args.mesh, istiod, address)
                ),
                "PORTS": ports,
                # Another package is another agent, which is to be started.
                "PACKAGE_SHA256": args.package.sha256,
            },
            stdin=args.cluster.kubeconfig,
            after=[installed, *extended, *self._entry(name, args), *args.group.declared],
            parent=self,
        )
        serving = {
            service_name: bootstrap_step(
                f"{name}-serve-{service_name}",
                "serve.sh",
                args.machine,
                {"SERVICE": service_name, "COMMAND": service.command},
                # Both make users, and two at once find /etc/passwd locked.
                after=[installed],
                parent=self,
            )
            for service_name, service in args.vm.services.items()
            if service.command
        }
        # Apart from what starts them, as is membership from the join: that may run again without a stop. Where another
        # host takes a machine's place, it ends its services itself when it leaves: until then it has calls.
        services = [
            bootstrap_step(
                f"{name}-service-{service_name}",
                None,
                args.machine,
                {"SERVICE": service_name},
                after=[step],
                parent=self,
                delete="unserve.sh",
            )
            for service_name, step in serving.items()
        ]
        bootstrap_step(
            f"{name}-membership",
            None,
            args.machine,
            identity,
            stdin=args.cluster.kubeconfig,
            after=[joined, *services],
            parent=self,
            delete="leave.sh",
            # A machine that goes has to leave first.
            goes_with_vm=False,
        )
        self.joined = [joined, *serving.values()]
        self.register_outputs({})

    def _entry(self, name: str, args: OnboardingArgs) -> list[pulumi.Resource]:
        """The machine's workload entry, where the config wants it declared; else its agent has istiod make it."""
        if args.vm.registration == "auto":
            return []
        address = bootstrap_step(f"{name}-address", "address.sh", args.machine, {}, parent=self)
        entry = istio_object(
            f"{name}-entry",
            "WorkloadEntry",
            {
                "name": name,
                "namespace": args.vm.namespace,
                "labels": {**args.vm.all_labels(args.name), MACHINE_LABEL: name},
                # Without it an entry that is declared counts as healthy always (istio/istio#44712).
                "annotations": {"proxy.istio.io/health-checks-enabled": "true"},
            },
            {
                "address": address.stdout.apply(str.strip),
                "labels": {**args.vm.all_labels(args.name), MACHINE_LABEL: name},
                "serviceAccount": args.name,
                "network": args.vm.network,
                "ports": {service_name: service.port for service_name, service in args.vm.services.items()},
            },
            args.cluster.inside(self, args.istio.namespaces[args.vm.namespace], *args.group.declared),
        )
        return [entry]
