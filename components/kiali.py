"""Kiali, in the management cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_command import local

from components.cluster import Cluster
from components.kiali_accounts import KialiAccounts
from components.kiali_config import REMOTE_CLUSTERS, Sight, kiali_config
from components.mesh import Mesh
from components.page import Page, digest
from components.prometheus import NOBODY, metadata_of
from components.scripts import script
from settings import KIALI, KIALI_PORT, MANAGEMENT_NAMESPACE

_CONFIG = "/kiali-configuration"
# Where Kiali looks for kubeconfigs, by cluster, and for the key that stands in place of the configuration's.
_REMOTE = f"/kiali-remote-cluster-secrets/{REMOTE_CLUSTERS}"
_KEY, _KEY_SECRET = "/kiali-override-secrets/login-token-signing-key", "kiali-signing-key"


@dataclass(frozen=True, kw_only=True)
class KialiArgs:
    """What is shown, and by whose rights."""

    cluster: Cluster
    """The management cluster."""
    mesh: Mesh
    image: str
    sight: Sight
    accounts: KialiAccounts
    after: Sequence[pulumi.Resource]
    """What it asks for metrics."""


class Kiali(pulumi.ComponentResource):
    """Shows the services, workloads, VMs and Istio's configuration of all clusters, and who calls whom.

    It asks the metrics store through the mesh, and nobody of the mesh calls it: people look at it by a port-forward.
    """

    def __init__(self, name: str, args: KialiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("vm-mesh:index:Kiali", name, None, opts)
        inside = args.cluster.inside(self, args.mesh.namespaces[MANAGEMENT_NAMESPACE])
        text = json.dumps(kiali_config(args.sight), indent=1, sort_keys=True)
        config = kubernetes.core.v1.ConfigMap(
            f"{name}-config", metadata=metadata_of({"app": KIALI}), data={"config.yaml": text}, opts=inside
        )
        files: dict[str, tuple[str, Mapping[str, Any]]] = {"config": (_CONFIG, {"config_map": {"name": KIALI}})}
        after = [*args.accounts.ready, *args.after, config]
        if args.sight.of_many:
            after.append(_secret(f"{name}-remote-clusters", REMOTE_CLUSTERS, args.accounts.kubeconfigs, inside))
            files["remote-clusters"] = (_REMOTE, {"secret": {"secret_name": REMOTE_CLUSTERS}})
        if args.sight.logs_in:
            key = {"value.txt": self._signing_key(name)}
            after.append(_secret(f"{name}-signing-key-secret", _KEY_SECRET, key, inside))
            files["signing-key"] = (_KEY, {"secret": {"secret_name": _KEY_SECRET}})
        page = Page(
            app=KIALI,
            image=args.image,
            port=KIALI_PORT,
            health="/healthz",
            user=NOBODY,
            calls_api=True,
            arguments=["-config", f"{_CONFIG}/config.yaml"],
            environment={"ACTIVE_NAMESPACE": MANAGEMENT_NAMESPACE, "LOG_LEVEL": "info"},
            files=files,
            cluster=args.cluster,
            mesh=args.mesh,
        )
        after.append(page.closed_but_for(name, [], self))
        page.deployed(name, digest(text, *args.accounts.kubeconfigs.values()), self, after)
        self.register_outputs({})

    def _signing_key(self, name: str) -> pulumi.Output[str]:
        """By which it encrypts the sessions of those who have logged in."""
        command = local.Command(
            f"{name}-signing-key",
            create=script("signing-key.sh"),
            logging=local.Logging.NONE,
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["stdout"]),
        )
        return pulumi.Output.secret(command.stdout.apply(str.strip))


def _secret(
    name: str, called: str, data: Mapping[str, pulumi.Input[str]], options: pulumi.ResourceOptions
) -> pulumi.Resource:
    return kubernetes.core.v1.Secret(
        name, metadata={"name": called, "namespace": MANAGEMENT_NAMESPACE}, string_data=data, opts=options
    )
