"""Credentials by which something in one cluster reads another cluster."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.cluster import Cluster


def lasting_token(
    name: str, account: str, namespace: str, declared: pulumi.Resource, cluster: Cluster, parent: pulumi.Resource
) -> kubernetes.core.v1.Secret:
    """Declares a token, which does not expire, of an ``account`` that is ``declared``."""
    return kubernetes.core.v1.Secret(
        name,
        type="kubernetes.io/service-account-token",
        metadata=ObjectMetaArgs(
            name=account,
            namespace=namespace,
            annotations={"kubernetes.io/service-account.name": account},
        ),
        opts=pulumi.ResourceOptions(
            parent=parent,
            provider=cluster.provider,
            # Kubernetes removes an account's tokens with the account; deleting both has been seen to wait for ever.
            deleted_with=cluster.deleted_with or declared,
            depends_on=[declared],
        ),
    )


def kubeconfig_by(token: kubernetes.core.v1.Secret, cluster: Cluster) -> pulumi.Output[str]:
    """Kubeconfig by which the others reach ``cluster``, in the form that ``istioctl create-remote-secret`` writes."""
    return pulumi.Output.secret(
        pulumi.Output.all(token.data, cluster.api_server).apply(
            lambda given: _kubeconfig(cluster.name, given[1], given[0])
        )
    )


def _kubeconfig(name: str, server: str, token: Mapping[str, str]) -> str:
    """As JSON, which is YAML."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": token["ca.crt"]}}],
            "users": [{"name": name, "user": {"token": base64.b64decode(token["token"]).decode()}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
