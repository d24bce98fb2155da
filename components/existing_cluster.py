"""A cluster that is there already: EKS, GKE, AKS, OpenShift, or one made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi_command import local

from components import kubeconfig
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
        source, found = self._kubeconfig(existing)
        self.kubeconfig = pulumi.Output.secret(found)
        self.provider = self._connect(f"{source}#{existing.context}", existing.context)
        self.api_server = (
            pulumi.Output.from_input(existing.api_server)
            if existing.api_server
            else self.kubeconfig.apply(kubeconfig.server)
        )
        addresses = gateway.external_ips
        service = {
            "type": gateway.service_type,
            "externalIPs": list(addresses),
            "annotations": dict(gateway.annotations),
        }
        self.gateway_service = pulumi.Output.from_input(service)
        self.gateway_address = pulumi.Output.from_input(addresses[0]) if addresses else None
        self.gateway_name = None
        self.gateway_known = (gateway.address,) if gateway.address else addresses
        self.ingress_service = pulumi.Output.from_input({**service, "ports": [INGRESS_PORT]})
        self.ingress_url = pulumi.Output.from_input(f"http://{addresses[0]}") if addresses else None
        self.ready = []
        self.deleted_with = None
        self.register_outputs({})

    def _kubeconfig(self, existing: ExistingSettings) -> tuple[str, pulumi.Output[str]]:
        """Where the kubeconfig is, and what it is."""
        if existing.stack_reference is None:
            return existing.kubeconfig, self._of_file(existing)
        return f"{existing.stack_reference}#{existing.output}", self._of_stack(existing, existing.stack_reference)

    def _of_file(self, existing: ExistingSettings) -> pulumi.Output[str]:
        """The part of a file that the context needs, read again when it has changed."""
        try:
            digest = kubeconfig.digest(Path(existing.kubeconfig).expanduser(), existing.context)
        except (OSError, kubeconfig.KubeconfigError):
            digest = None
        reader = local.Command(
            f"{self.name}-kubeconfig",
            create=script("read-kubeconfig.sh"),
            environment={
                "KUBECONFIG_PATH": existing.kubeconfig,
                "CONTEXT": existing.context,
                **({"DIGEST": digest} if digest else {}),
            },
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(
                parent=self,
                additional_secret_outputs=["stdout"],
                # A preview elsewhere, without the file, goes by what was read last.
                ignore_changes=None if digest else ["environment.DIGEST"],
            ),
        )
        return reader.stdout

    def _of_stack(self, existing: ExistingSettings, stack: str) -> pulumi.Output[str]:
        """The output of a stack: of its state, so that no preview reaches the cluster."""
        reference = pulumi.StackReference(
            f"{self.name}-stack", stack_name=stack, opts=pulumi.ResourceOptions(parent=self)
        )
        where = f"vm-mesh:clusters.{self.name}.existing: output '{existing.output}' of stack {stack}"

        def chosen(value: Any) -> str:
            if value is None:
                raise pulumi.RunError(f"{where} is not there; see `pulumi stack output --stack {stack}`")
            try:
                return kubeconfig.selected(value, existing.context)
            except kubeconfig.KubeconfigError as error:
                raise pulumi.RunError(f"{where} {error}") from None

        # An output may have the kubeconfigs of several clusters, as this program's own has: output.cluster.
        output, _, entry = existing.output.partition(".")
        return reference.get_output(output).apply(lambda value: chosen(_entry(value, entry) if entry else value))


def _entry(output: Any, name: str) -> Any:
    """None if there is none, as in an output that is text."""
    return cast("Mapping[str, Any]", output).get(name) if isinstance(output, Mapping) else None
