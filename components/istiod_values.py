"""Values of Istio's istiod chart, for a mesh of several clusters and of VMs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.mesh import MeshArgs

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


def istiod_values(args: MeshArgs) -> dict[str, Any]:
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
                # Requests by destination, which is what a stage is judged by, whichever proxy build counts them: how
                # they were answered, how fast, how many still wait and how many were given up by who sent them.
                "proxyStatsMatcher": {
                    "inclusionRegexps": [
                        r"cluster\.outbound\|.*\.upstream_rq_(total|[0-9]+|[2-5]xx|time|active|tx_reset)"
                    ]
                },
            },
        },
    }
