"""What reads the proxies of a cluster and pushes what they count to the management cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from components.bootstrap_step import bootstrap_step
from components.cluster import Cluster
from components.istio_object import istio_object
from components.mesh import Mesh
from components.pod_reader import pod_reader
from components.prometheus import DATA, WAL_HOURS, config_map, deployment, metadata_of, pod_spec
from components.reading_config import CERTIFICATES, reading_config
from components.readings_port import READINGS_PORT
from components.virtual_machine import VirtualMachine
from settings import MANAGEMENT_NAMESPACE, READER, SYSTEM_NAMESPACE, MetricsSettings, VmSettings

_LABELS = {"app": READER, "version": "v3"}
_VOLUME = "certificates"
# 50 proxies of 150 series each, read every 5 s for 4 h, are 22 million readings, of a few bytes each.
_ROOM = "1Gi"


@dataclass(frozen=True, kw_only=True)
class MetricsAgentArgs:
    """Which proxies are read, and how often."""

    cluster: Cluster
    mesh: Mesh
    namespaces: Sequence[str]
    """Namespaces whose pods have a proxy."""
    vms: Mapping[str, VmSettings]
    """VMs that have joined the cluster."""
    machines: Mapping[str, VirtualMachine]
    metrics: MetricsSettings
    image: str
    kiali: bool
    """Whether there is a Kiali, which asks for more of what Istio's proxies count."""
    after: Sequence[pulumi.Resource]
    """What it pushes to, that proxies can be read, and that nodes have the image."""


class MetricsAgent(pulumi.ComponentResource):
    """A Prometheus in agent mode, which holds what it reads until the management cluster has taken it.

    It shows every proxy the certificate that its own sidecar has, and writes to a volume for it: Istio's way for a
    Prometheus that reads by mTLS. Its reads pass the sidecar by, and all else that it does goes through.
    """

    def __init__(self, name: str, args: MetricsAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:MetricsAgent", name, None, opts)
        cluster, mesh = args.cluster, args.mesh
        inside = cluster.inside(self, mesh.namespaces[MANAGEMENT_NAMESPACE])
        metadata = metadata_of(_LABELS)
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata={"name": READER, "namespace": MANAGEMENT_NAMESPACE},
            automount_service_account_token=False,
            opts=inside,
        )
        closed = istio_object(
            f"{name}-closed",
            "AuthorizationPolicy",
            metadata,
            # An ALLOW without a rule: nobody of the mesh has anything to ask it.
            {"selector": {"matchLabels": {"app": READER}}, "action": "ALLOW"},
            cluster.inside(self, *mesh.configures(MANAGEMENT_NAMESPACE)),
        )
        rights = [
            pod_reader(f"{name}-{namespace}", READER, namespace, cluster, mesh, self)
            for namespace in (*args.namespaces, SYSTEM_NAMESPACE)
        ]
        config = config_map(f"{name}-config", metadata, self._config(name, args), inside)
        deployment(
            f"{name}-deployment",
            _LABELS,
            _annotations(mesh),
            _pod_spec(args.image, config),
            cluster.inside(
                self,
                *mesh.injects(MANAGEMENT_NAMESPACE),
                *cluster.ready,
                *args.after,
                account,
                closed,
                *rights,
            ),
        )
        self.register_outputs({})

    def _config(self, name: str, args: MetricsAgentArgs) -> pulumi.Output[dict[str, Any]]:
        labels = [
            {
                "namespace": vm.namespace,
                "vm": vm_name,
                "machine": machine,
                **{label: value for label, value in vm.all_labels(vm_name).items() if label in ("app", "version")},
            }
            for vm_name, vm in args.vms.items()
            for machine in vm.all_machines(vm_name)
        ]
        addresses = [self._address(name, args.machines[it["machine"]]) for it in labels]
        return pulumi.Output.all(*addresses).apply(
            lambda found: reading_config(
                args.cluster.name,
                args.metrics.interval,
                args.namespaces,
                list(zip(found, labels, strict=True)),
                kiali=args.kiali,
            )
        )

    def _address(self, name: str, machine: VirtualMachine) -> pulumi.Input[str]:
        if machine.host_name:
            return machine.host_name
        step = bootstrap_step(f"{name}-{machine.name}-address", "address.sh", machine, {}, parent=self)
        return step.stdout.apply(str.strip)


def _annotations(mesh: Mesh) -> dict[str, str]:
    written = {"proxyMetadata": {"OUTPUT_CERTS": CERTIFICATES}}
    return {
        **mesh.revisions.rolled_by(mesh.revisions.of(MANAGEMENT_NAMESPACE)),
        "proxy.istio.io/config": json.dumps(written),
        "sidecar.istio.io/userVolumeMount": json.dumps([{"name": _VOLUME, "mountPath": CERTIFICATES}]),
        "traffic.sidecar.istio.io/excludeOutboundPorts": str(READINGS_PORT),
    }


def _pod_spec(image: str, config: kubernetes.core.v1.ConfigMap) -> dict[str, Any]:
    arguments = [
        "--agent",
        f"--storage.agent.path={DATA}",
        f"--storage.agent.retention.max-time={WAL_HOURS}h",
        # Its sidecar ends soon after it, and takes nothing more then.
        "--storage.remote.flush-deadline=5s",
    ]
    return {
        "service_account_name": READER,
        "automount_service_account_token": True,
        **pod_spec(
            image,
            arguments,
            config,
            {"empty_dir": {"size_limit": _ROOM}},
            memory="512Mi",
            mounts=[{"name": _VOLUME, "mount_path": CERTIFICATES, "read_only": True}],
            volumes=[{"name": _VOLUME, "empty_dir": {"medium": "Memory", "size_limit": "1Mi"}}],
        ),
    }
