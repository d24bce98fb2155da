"""What the proxies of a cluster, and of the VMs that join it, are told to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.cluster import Cluster
from components.istio_object import istio_object
from components.keeper import keeper_service
from components.mesh import SYSTEM_NAMESPACE, Mesh
from components.providers import LOGS, SPANS, TAGS
from settings import COLLECTOR, MANAGEMENT_NAMESPACE, ManagementSettings


@dataclass(frozen=True, kw_only=True)
class TelemetryArgs:
    """What is sent, and what has to be there before."""

    cluster: Cluster
    mesh: Mesh
    management: ManagementSettings
    collector: Sequence[pulumi.Resource]


# What passes an east-west gateway are connections, which it cannot look into, so there is little to tell. And another
# log is another listener, which would cut those connections, calls and all.
_PASSED_ON = {
    "selector": {"matchLabels": {"istio": "eastwestgateway"}},
    "accessLogging": [{"providers": [{"name": "envoy"}]}],
}


class Telemetry(pulumi.ComponentResource):
    """One Telemetry resource for all proxies of the cluster, and one for each that would speak of its own speaking.

    It names the built-in provider too, which is mesh config's own access log: that stays as it is. It comes last and
    goes first: no proxy is told of a collector that is not there.
    """

    def __init__(self, name: str, args: TelemetryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Telemetry", name, None, opts)
        services = args.management.services()
        elsewhere = args.management.cluster != args.cluster.name
        known = [
            # So that the name is known in a cluster that only calls it.
            keeper_service(
                f"{name}-{service}",
                service,
                service,
                port,
                "http",
                args.cluster.inside(self, args.mesh.namespaces[MANAGEMENT_NAMESPACE]),
            )
            for service, port in services.items()
            if elsewhere
        ]
        silent = [
            self._resource(f"{name}-{app}-silent", app, MANAGEMENT_NAMESPACE, _silence(app), args)
            for app in (COLLECTOR, *(() if elsewhere else services))
        ]
        if args.management.access_logs:
            silent.append(self._resource(f"{name}-passed-on", "vm-mesh-passed-on", SYSTEM_NAMESPACE, _PASSED_ON, args))
        self._resource(f"{name}-all", "vm-mesh", SYSTEM_NAMESPACE, _of_all(args.management), args, *known, *silent)
        self.register_outputs({})

    def _resource(
        self, name: str, called: str, namespace: str, spec: dict[str, Any], args: TelemetryArgs, *after: pulumi.Resource
    ) -> pulumi.Resource:
        ready = args.mesh.configures(MANAGEMENT_NAMESPACE)
        return istio_object(
            name,
            "Telemetry",
            {"name": called, "namespace": namespace},
            spec,
            args.cluster.inside(self, *ready, *args.collector, *after),
        )


def _of_all(management: ManagementSettings) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if management.access_logs:
        spec["accessLogging"] = [{"providers": [{"name": "envoy"}, {"name": LOGS}]}]
    if management.traces:
        spec["tracing"] = [
            {
                "providers": [{"name": SPANS}],
                "randomSamplingPercentage": management.traces.sampling,
                "customTags": {name: {"formatter": {"value": value}} for name, value in TAGS.items()},
            }
        ]
    return spec


def _silence(app: str) -> dict[str, Any]:
    """Else each line that a proxy sends to ``app`` would be a call of which there is a line to send."""
    return {
        "selector": {"matchLabels": {"app": app}},
        "accessLogging": [{"disabled": True}],
        "tracing": [{"disableSpanReporting": True}],
    }
