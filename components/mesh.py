"""Istio in a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.helm import v3 as helm

from components.cluster import Cluster
from components.trust import Authority
from settings import MeshSettings

SYSTEM_NAMESPACE = "istio-system"

# One JSON line a request, the same from pods, gateways and VMs. Beside Istio's usual fields it names both ends as mTLS
# proved them, and how often Envoy tried.
_ACCESS_LOG = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "authority": "%REQ(:AUTHORITY)%",
    "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "response_code_details": "%RESPONSE_CODE_DETAILS%",
    "duration": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_peer": "%UPSTREAM_PEER_URI_SAN%",
    "downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "downstream_peer": "%DOWNSTREAM_PEER_URI_SAN%",
    "requested_server_name": "%REQUESTED_SERVER_NAME%",
}


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    """How Istio is installed in a cluster."""

    cluster: Cluster
    authority: Authority
    """The cluster's CA."""
    mesh: MeshSettings
    hub: str
    """Registry and path of Istio's images."""
    tag: str
    istio_proxy: bool
    """Whether the proxy is Istio's build of Envoy; False: upstream Envoy, which lacks Istio's own filters."""
    charts: str
    """Folder of Istio's charts, relative to the project."""
    namespaces: Sequence[str]
    """Namespaces whose pods get a sidecar."""


class Mesh(pulumi.ComponentResource):
    """Istio in one cluster of a multi-primary mesh: its namespace, CA, control plane, and STRICT mTLS for all.

    Follows Istio's "Install Multi-Primary on different networks".
    """

    namespaces: dict[str, pulumi.Resource]
    """The namespaces of the cluster that take part in the mesh, by name."""
    system_namespace: pulumi.Resource
    control_plane: pulumi.Resource
    """What waits for it can have a sidecar injected."""

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Mesh", name, None, opts)
        self.system_namespace = kubernetes.core.v1.Namespace(
            f"{name}-system",
            metadata={
                "name": SYSTEM_NAMESPACE,
                "labels": {"topology.istio.io/network": args.cluster.network},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        authority = kubernetes.core.v1.Secret(
            f"{name}-cacerts",
            metadata={"name": "cacerts", "namespace": SYSTEM_NAMESPACE},
            string_data={
                "ca-cert.pem": args.authority.certificate,
                "ca-key.pem": args.authority.key,
                "cert-chain.pem": args.authority.chain,
                "root-cert.pem": args.authority.root,
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.system_namespace]),
        )
        base = self._release(
            f"{name}-base",
            "istio-base",
            f"{args.charts}/base",
            {"defaultRevision": "default"},
            [self.system_namespace],
        )
        self.control_plane = self._release(
            f"{name}-istiod",
            "istiod",
            f"{args.charts}/istiod",
            _values(args),
            [base, authority, *args.cluster.ready],
        )
        kubernetes.apiextensions.CustomResource(
            f"{name}-strict-mtls",
            api_version="security.istio.io/v1",
            kind="PeerAuthentication",
            metadata={"name": "default", "namespace": SYSTEM_NAMESPACE},
            spec={"mtls": {"mode": "STRICT"}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.control_plane]),
        )
        self.namespaces = {namespace: self._namespace(name, namespace) for namespace in args.namespaces}
        self.register_outputs({})

    def _release(
        self, name: str, release: str, chart: str, values: Mapping[str, Any], after: Sequence[pulumi.Resource]
    ) -> helm.Release:
        return helm.Release(
            name,
            name=release,
            namespace=SYSTEM_NAMESPACE,
            chart=chart,
            values=values,
            timeout=180,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _namespace(self, name: str, namespace: str) -> pulumi.Resource:
        # `default` is there already, and not ours to remove: only the label is.
        kind = kubernetes.core.v1.NamespacePatch if namespace == "default" else kubernetes.core.v1.Namespace
        return kind(
            f"{name}-{namespace}",
            metadata={"name": namespace, "labels": {"istio-injection": "enabled"}},
            opts=pulumi.ResourceOptions(parent=self),
        )


def _values(args: MeshArgs) -> dict[str, Any]:
    """Values of the istiod chart. Requests fit a laptop; limits are the chart's."""
    # The clusters' credentials for each other grant no Secret (``Federation``), and istiod waits this long at its start
    # for the Secrets of a remote cluster before it goes on without. They are for gateways that it configures there,
    # which multi-primary has none of. PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER=false is meant for this, and makes
    # istiod 1.31 crash (a nil ``CredentialsController`` in pkg/kube/multicluster).
    environment = {"PILOT_REMOTE_CLUSTER_TIMEOUT": "10s"}
    if not args.istio_proxy:
        environment |= {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
    return {
        "autoscaleEnabled": False,
        "env": environment,
        "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}},
        "telemetry": {"enabled": args.istio_proxy},
        "global": {
            "hub": args.hub,
            "tag": args.tag,
            "imagePullPolicy": "IfNotPresent",
            "meshID": args.mesh.id,
            "multiCluster": {"clusterName": args.cluster.name},
            "network": args.cluster.network,
            "proxy": {"resources": {"requests": {"cpu": "10m", "memory": "64Mi"}}},
        },
        "meshConfig": {
            "trustDomain": args.mesh.trust_domain,
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "accessLogFormat": json.dumps(_ACCESS_LOG),
            "defaultConfig": {
                "holdApplicationUntilProxyStarts": True,
                "proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true"},
                # Requests by destination, which is what a stage is judged by, whichever proxy build counts them.
                "proxyStatsMatcher": {
                    "inclusionRegexps": [r"cluster\.outbound\|.*\.upstream_rq_(total|[0-9]+|[2-5]xx)"]
                },
            },
        },
    }
