"""Values of Istio's istiod chart, for a mesh of several clusters and of VMs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from components.revisions import Revisions
from settings import UNNAMED, MeshSettings

if TYPE_CHECKING:
    from components.mesh import MeshArgs

ISTIOD_PORT = 15012
"""Port of a gateway by which VMs reach istiod."""
SERVICES_PORT = 15443
"""Port of every east-west gateway on which other networks reach the cluster's services."""

# One JSON line a request, the same from pods, gateways and VMs. Beside Istio's usual fields it names both ends as mTLS
# proved them, and how often Envoy tried.
ACCESS_LOG = {
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


# No name of a webhook: istiod does not write into them whom the API server is to believe, this program does. Two
# istiods that know different roots, which is what a change of the root has for half a minute, would each write its own
# again as soon as the other has, some twenty times a second. It has taken whole clusters down (istio/istio#36478).
_UNPATCHED = {"INJECTION_WEBHOOK_CONFIG_NAME": "", "VALIDATION_WEBHOOK_CONFIG_NAME": ""}


def proxy_metadata(mesh: MeshSettings) -> dict[str, str]:
    """Environment of every agent, on VMs too."""
    metadata = {"ISTIO_META_DNS_CAPTURE": "true"}
    if mesh.certificate_ttl:
        # Not DEFAULT_WORKLOAD_CERT_TTL of istiod: an agent always asks for a lifetime, and gets what it asks for.
        metadata["SECRET_TTL"] = mesh.certificate_ttl
    return metadata


def proxy_config(mesh: MeshSettings) -> dict[str, Any]:
    """Configuration of every proxy of the mesh, in pods and on VMs alike."""
    return {
        "meshId": mesh.id,
        "holdApplicationUntilProxyStarts": True,
        "proxyMetadata": proxy_metadata(mesh),
        # Requests by destination, which is what a stage is judged by, whichever proxy build counts them: how they were
        # answered, how fast, how many still wait and how many were given up by who sent them. And the requests that a
        # VM is serving, by which it is seen to be drained.
        "proxyStatsMatcher": {
            "inclusionRegexps": [
                r"cluster\.outbound\|.*\.upstream_rq_(total|[0-9]+|[2-5]xx|time|active|tx_reset)",
                r"cluster\.inbound\|.*\.upstream_(rq|cx)_(total|active)",
            ]
        },
    }


def istiod_values(args: MeshArgs, revisions: Revisions, revision: str) -> dict[str, Any]:
    """Values of the istiod chart of a revision. Requests fit a laptop; limits are the chart's.

    What is requested is also a proxy's weight while the node's processors are all busy, beside an API server's 250m.
    """
    own = args.istio.revisions[revision]
    # The clusters' credentials for each other grant no Secret (``Federation``), and istiod waits this long at its start
    # for the Secrets of a remote cluster before it goes on without. They are for gateways that it configures there,
    # which multi-primary has none of. PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER=false is meant for this, and makes
    # istiod 1.31 crash (a nil ``CredentialsController`` in pkg/kube/multicluster). Without remote secrets nothing is
    # waited for; the limit stays, so that a change of ``mesh.discovery`` starts no istiod anew.
    environment = {"PILOT_REMOTE_CLUSTER_TIMEOUT": "10s", **_UNPATCHED}
    if not args.istio_proxy:
        environment |= {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}
    return {
        **_named(revisions, revision),
        "autoscaleEnabled": False,
        # istiod takes a changed root only at its start (``handleEvent`` in pilot/pkg/bootstrap/istio_ca.go).
        "podAnnotations": {"vm-mesh/ca": args.authority.digest},
        "env": environment,
        "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}},
        "telemetry": {"enabled": args.istio_proxy},
        "base": {"validationCABundle": args.authority.ca_bundle},
        "istiodRemote": {"injectionCABundle": args.authority.ca_bundle},
        "global": {
            "hub": own.hub or args.hub,
            "tag": own.tag or args.tag,
            "imagePullPolicy": "IfNotPresent",
            "meshID": args.mesh.id,
            "multiCluster": {"clusterName": args.cluster.name},
            "network": args.cluster.network,
            "meshNetworks": {
                network: {
                    "endpoints": [],  # which network a pod is in, each cluster says itself
                    "gateways": [{"address": gateway, "port": SERVICES_PORT} for gateway in gateways],
                }
                for network, gateways in args.network_gateways.items()
            },
            "proxy": {"resources": {"requests": {"cpu": "40m", "memory": "64Mi"}}},
        },
        "meshConfig": {
            **_beside_others(revisions),
            "trustDomain": args.mesh.trust_domain,
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "accessLogFormat": json.dumps(ACCESS_LOG),
            "defaultConfig": proxy_config(args.mesh),
            **({"extensionProviders": list(args.providers)} if args.providers else {}),
        },
    }


def _named(revisions: Revisions, revision: str) -> dict[str, Any]:
    return {} if revision == UNNAMED else {"revision": revision, "revisionTags": revisions.tags(revision)}


def _beside_others(revisions: Revisions) -> dict[str, Any]:
    """Each istiod keeps its own Service from being merged with that of other clusters (cluster_local.go); not others'.

    The east-west gateway, which belongs to one revision, would then send a VM of another one to any cluster's istiod.
    """
    if [*revisions.istio.revisions] == [UNNAMED]:
        return {}
    return {"serviceSettings": [{"settings": {"clusterLocal": True}, "hosts": revisions.istiod_services()}]}
