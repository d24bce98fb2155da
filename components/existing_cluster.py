"""A cluster that is there already: EKS, GKE, AKS, OpenShift, or one made by hand."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_command import local

from components.cluster import INGRESS_PORT, Cluster
from components.scripts import script
from settings import ExistingSettings


@dataclass(frozen=True, kw_only=True)
class ExistingClusterArgs:
    """Where an existing cluster is, and how others reach it."""

    name: str
    """Name in the mesh."""
    network: str
    """Istio network of the pods."""
    existing: ExistingSettings


class ExistingCluster(Cluster):
    """A cluster that the program takes as it is; nothing of it is made or removed but what the mesh adds."""

    def __init__(self, name: str, args: ExistingClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:ExistingCluster", name, None, opts)
        self.name, self.network = args.name, args.network
        existing, gateway = args.existing, args.existing.gateway
        self.kubeconfig = pulumi.Output.secret(self._read("kubeconfig", existing))
        self.provider = self._connect(f"{existing.kubeconfig}#{existing.context}", existing.context)
        self.api_server = (
            pulumi.Output.from_input(existing.api_server) if existing.api_server else self._read("server", existing)
        )
        addresses = gateway.external_ips
        service = {"type": gateway.service_type, "externalIPs": list(addresses)}
        self.gateway_service = pulumi.Output.from_input(service)
        self.gateway_address = pulumi.Output.from_input(addresses[0]) if addresses else None
        self.ingress_service = pulumi.Output.from_input({**service, "ports": [INGRESS_PORT]})
        self.ingress_url = pulumi.Output.from_input(f"http://{addresses[0]}" if addresses else None)
        self.ready = []
        self.deleted_with = None
        self.register_outputs({})

    def _read(self, what: str, existing: ExistingSettings) -> pulumi.Output[str]:
        reader = local.Command(
            f"{self.name}-{what}",
            create=script(f"read-{what}.sh"),
            environment={"KUBECONFIG_PATH": existing.kubeconfig, "CONTEXT": existing.context},
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["stdout"]),
        )
        return reader.stdout
