"""An object of Istio's own API, as every component declares one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

_API_VERSIONS = {
    "AuthorizationPolicy": "security.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "EnvoyFilter": "networking.istio.io/v1alpha3",
    "Gateway": "networking.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "Telemetry": "telemetry.istio.io/v1",
    "VirtualService": "networking.istio.io/v1",
    "WasmPlugin": "extensions.istio.io/v1alpha1",
    "WorkloadEntry": "networking.istio.io/v1",
    "WorkloadGroup": "networking.istio.io/v1",
}
"""Kind -> API version, which is part of the resource's type: by another one it is another resource to Pulumi."""


def istio_object(
    name: str,
    kind: str,
    metadata: ObjectMetaArgs | Mapping[str, Any],
    spec: Mapping[str, Any],
    opts: pulumi.ResourceOptions,
) -> kubernetes.apiextensions.CustomResource:
    """Declares it under the resource ``name``. Raises KeyError for a kind that no component has declared before.

    A plain resource, whose preview needs neither a cluster that is up nor the CRDs in it.
    """
    return kubernetes.apiextensions.CustomResource(
        name, api_version=_API_VERSIONS[kind], kind=kind, metadata=metadata, spec=spec, opts=opts
    )
