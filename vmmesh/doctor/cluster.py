"""A cluster: what the mesh needs of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vmmesh.api_servers import ask
from vmmesh.doctor.discovery import remotes
from vmmesh.doctor.examined import LOGS, SYSTEM, Examined, ready_pods
from vmmesh.doctor.finding import Check, Said
from vmmesh.doctor.validity import authority, clocks
from vmmesh.kubectl import Unreachable

GATEWAYS = {"istio-eastwestgateway": "VMs and other networks"}
INGRESS = {"istio-ingressgateway": "users"}


def istiod(cluster: Examined) -> Iterator[Said]:
    """The control plane, of each revision: ready, and of the version that the toolchain has."""
    found = cluster.get("deployments", "--selector=app=istiod")
    if not found:
        yield Said("failure", f"there is no istiod in {SYSTEM}", "run `make up`")
    for deployment in found:
        name, ready, wanted = ready_pods(deployment)
        tag = deployment["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2]
        if not ready:
            yield Said("failure", f"{name}: 0 of {wanted} pods are ready", LOGS + name)
        elif not tag.startswith(cluster.istio):
            what = f"{name} is of version {tag}, and the toolchain of {cluster.istio}"
            yield Said("warning", what, "run `make up`, unless an upgrade is under way")
        else:
            yield Said("ok", f"{name} {tag}, {ready} of {wanted} pods are ready")


def gateways(cluster: Examined) -> Iterator[Said]:
    """The gateways: ready, and with an address."""
    for name, callers in (GATEWAYS | (INGRESS if cluster.application else {})).items():
        service, deployment = cluster.named("service", name), cluster.named("deployment", name)
        if service is None or deployment is None:
            yield Said("failure", f"there is no {name}, by which {callers} come in", "run `make up`")
            continue
        _, ready, wanted = ready_pods(deployment)
        address = addresses(service)
        if not ready:
            yield Said("failure", f"{name}: 0 of {wanted} pods are ready", LOGS + name)
        elif not address:
            advice = "wait for the cluster's load balancer, or give the cluster gateway.externalIPs"
            yield Said("failure", f"{name} has no address, by which {callers} come in", advice)
        else:
            yield Said("ok", f"{name} at {address[0]}")


def addresses(service: Mapping[str, Any]) -> list[str]:
    """Addresses of a Service from outside its cluster. A node port is reached at the nodes', and so has none."""
    spec = service["spec"]
    balancers = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    found = [*spec.get("externalIPs", []), *(part.get("ip") or part.get("hostname") for part in balancers)]
    return found or (["the nodes' addresses"] if spec.get("type") == "NodePort" else [])


def api(cluster: Examined) -> Iterator[Said]:
    """The API server, which all other checks need."""
    try:
        ask(cluster.kubeconfig)
        yield Said("ok", f"Kubernetes {cluster.kubectl('get', '--raw=/version')['gitVersion']}")
    except Unreachable as error:
        yield Said("failure", f"it does not answer: {error}", "does the cluster run, and is the kubeconfig its own?")


FIRST: Mapping[str, Check[Examined]] = {"api": api}
CHECKS: Mapping[str, Check[Examined]] = {
    "istiod": istiod,
    "gateways": gateways,
    "remotes": remotes,
    "authority": authority,
    "clocks": clocks,
}
