"""What the agent of a VM's sidecar is configured with, as ``istioctl x workload entry configure`` would write it.

Written here, because istioctl makes a token each time, whether one is needed or not, and files that anybody can read
(``istioctl/pkg/workload/workload.go``); and so that a preview shows what changes. The gateway is given to the agent as
istiod's address, with the name to expect there (ISTIOD_SAN): it may be a host name, which istioctl cannot write
(istio/istio#31624), and nothing has to be added to the machine's ``/etc/hosts``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from shlex import quote
from typing import Any

from components.istiod_values import ISTIOD_PORT, proxy_config
from settings import MACHINE_LABEL, CaptureSettings, MeshSettings, ProbeSettings, VmSettings

# Never captured: SSH, by which the machine is mended, also for what it calls itself.
_SSH = 22
# The agent's own ports. None of them can be a service's, so none is among the ports that are captured.
_AGENT_PORTS = (15020, 15021, 15090)


def mesh_config(name: str, machine: str, vm: VmSettings, mesh: MeshSettings) -> str:
    """The file ``/etc/istio/config/mesh`` of ``machine``, one of the VM ``name``; JSON, which is YAML."""
    config = proxy_config(mesh)
    config["proxyMetadata"] |= _metadata(name, machine, vm, mesh)
    config["readinessProbe"] = readiness_probe(vm.probe)
    return json.dumps({"defaultConfig": config}, indent=1)


def cluster_env(name: str, machine: str, vm: VmSettings, mesh: MeshSettings, istiod: str, gateway: str) -> str:
    """The file ``/var/lib/istio/envoy/cluster.env``, which the agent's start script reads.

    ``istiod`` is the host name of the control plane, ``gateway`` the address of the gateway that leads to it.
    """
    metadata = proxy_config(mesh)["proxyMetadata"] | _metadata(name, machine, vm, mesh)
    variables = (
        metadata
        | _capture(vm.capture)
        | {
            "ISTIO_INBOUND_PORTS": ",".join(map(str, vm.ports)),
            "ISTIO_LOCAL_EXCLUDE_PORTS": ",".join(map(str, (_SSH, *_AGENT_PORTS))),
            "ISTIO_NAMESPACE": vm.namespace,
            "ISTIO_SERVICE": f"{name}.{vm.namespace}",
            "ISTIO_SERVICE_CIDR": "*",
            "PILOT_ADDRESS": f"{f'[{gateway}]' if ':' in gateway else gateway}:{ISTIOD_PORT}",
            "ISTIOD_SAN": istiod,
            # So that what asks the proxy can tell whose it is, as it can by the discovery address of a pod's.
            "ISTIO_META_ISTIOD": istiod,
            # Where the join puts a pilot-agent that heeds ISTIOD_SAN for the CA too.
            "ISTIO_BIN_BASE": "/usr/local/lib/vm-mesh/bin",
        }
    )
    return "".join(f"{key}={quote(value)}\n" for key, value in sorted(variables.items()))


def _metadata(name: str, machine: str, vm: VmSettings, mesh: MeshSettings) -> dict[str, str]:
    """What istiod is told of a machine when it connects. In both files: the agent reads some of it in the one only."""
    labels = vm.all_labels(name) | {MACHINE_LABEL: machine}
    # Canonical names as Istio derives them (pkg/model, ``CanonicalService``).
    service = labels.setdefault("service.istio.io/canonical-name", labels["app"])
    revision = labels.setdefault("service.istio.io/canonical-revision", labels["version"])
    ports = [{"name": service, "containerPort": entry.port} for service, entry in sorted(vm.services.items())]
    registration = {"auto": ("AUTO_REGISTER_GROUP", name), "static": ("WORKLOAD_ENTRY", machine)}[vm.registration]
    return {
        "CANONICAL_SERVICE": service,
        "CANONICAL_REVISION": revision,
        "POD_NAMESPACE": vm.namespace,
        "SERVICE_ACCOUNT": name,
        "TRUST_DOMAIN": mesh.trust_domain,
        "ISTIO_META_CLUSTER_ID": vm.cluster,
        "ISTIO_META_MESH_ID": mesh.id,
        "ISTIO_META_NETWORK": vm.network,
        "ISTIO_META_POD_PORTS": json.dumps(ports),
        "ISTIO_META_WORKLOAD_NAME": name,
        "ISTIO_METAJSON_LABELS": json.dumps(labels, sort_keys=True),
        f"ISTIO_META_{registration[0]}": registration[1],
    }


def readiness_probe(probe: ProbeSettings) -> dict[str, Any]:
    """A probe in Istio's form: the machine has endpoints only while it succeeds."""
    timing = {
        "periodSeconds": probe.period_seconds,
        "timeoutSeconds": probe.timeout_seconds,
        "failureThreshold": probe.failure_threshold,
    }
    if probe.http:
        return {"httpGet": {"path": probe.http.path, "port": probe.http.port}, **timing}
    if probe.tcp:
        # By default the agent asks at the machine's own address, where its sidecar takes any connection.
        return {"tcpSocket": {"host": "127.0.0.1", "port": probe.tcp.port}, **timing}
    assert probe.exec
    return {"exec": {"command": list(probe.exec.command)}, **timing}


def _capture(capture: CaptureSettings) -> Mapping[str, str]:
    excluded = {
        "ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE": [_SSH, *capture.exclude_outbound_ports],
        "ISTIO_SERVICE_EXCLUDE_CIDR": capture.exclude_outbound_cidrs,
        "EXCLUDE_INTERFACES": capture.exclude_interfaces,
    }
    return {key: ",".join(map(str, values)) for key, values in excluded.items() if values}
