"""The clusters of the mesh."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.model import Model
from settings.values import (
    AnnotationName,
    EnvValue,
    HostName,
    HttpsUrl,
    Image,
    IpAddress,
    Line,
    Name,
    Port,
    StackName,
)


class KindSettings(Model):
    """A cluster that the program makes with kind."""

    ingress_port: Port | None = None
    """Port of 127.0.0.1 that serves the exposed services; none: they are at the node's address only."""
    node_image: Image | None = None
    """Node image with digest; default: the toolchain's."""


class GatewaySettings(Model):
    """How the gateways of an existing cluster are reached from outside it."""

    service_type: Literal["LoadBalancer", "NodePort", "ClusterIP"] = "LoadBalancer"
    external_ips: tuple[IpAddress, ...] = Field(default=(), alias="externalIPs")
    """Addresses on which the nodes take traffic for the gateways, where no load balancer gives one."""
    address: HostName | None = None
    """DNS name or IP address of the gateway for other clusters, where these cannot look it up and it has no
    ``externalIPs``."""
    annotations: dict[AnnotationName, EnvValue] = {}
    """Annotations of the Services, by which clouds are told what load balancer to make."""


class ExistingSettings(Model):
    """A cluster that is there already. Its kubeconfig is a file, or else an output of another stack."""

    context: Line
    """Context in the kubeconfig."""
    kubeconfig: Line = "~/.kube/config"
    """Path of the kubeconfig on the machine that runs Pulumi."""
    stack_reference: StackName | None = None
    """Stack that has the kubeconfig as an output, text or object, in place of a file."""
    output: Line = "kubeconfig"
    """Name of that output, or of an entry of it: ``kubeconfigs.cluster1``."""
    api_server: HttpsUrl | None = None
    """URL under which the other clusters reach the API server; default: the one in the kubeconfig."""
    gateway: GatewaySettings = GatewaySettings()


class ClusterSettings(Model):
    """A cluster of the mesh: existing, or else made by kind."""

    network: Name
    application: Annotated[bool, Field(strict=True)] = True
    """Whether it takes part in the application: it runs services, calls them, or both."""
    kind: KindSettings | None = None
    existing: ExistingSettings | None = None
