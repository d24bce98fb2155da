"""A cluster: what the mesh needs of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from settings import EXPORTED_LABEL
from vmmesh.doctor.finding import Check, Said
from vmmesh.entries import KIND
from vmmesh.kubectl import Unreachable, kubectl, run

SYSTEM = "istio-system"
ANSWER_SECONDS = 5.0
GATEWAYS = {"istio-eastwestgateway": "VMs and other networks"}
INGRESS = {"istio-ingressgateway": "users"}
LOGS = f"see kubectl --namespace {SYSTEM} logs deployment/"

# A CA's certificate is changed by hand, and workloads must have taken the new root before the old one ends.
EXPIRES_SOON = timedelta(days=30)
# Workloads' certificates live a day; istiod can sign none that outlives its own.
EXPIRES_NOW = timedelta(days=2)

# A kubelet renews the lease of its node every 10 s, and its node counts as lost after 40.
LEASE_LOST = timedelta(seconds=60)
LEASE_AHEAD = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A cluster of a mesh, and the names of the others, whose endpoints it reads."""

    kubeconfig: Path
    others: Sequence[str]
    istio: str
    """Version that the toolchain has."""
    application: bool = True
    """Whether it takes part in the application."""
    networks: Mapping[str, str] | None = None
    """Those of the others that export something -> their network; None: it reads the others, by remote secrets."""

    def kubectl(self, *arguments: str) -> Any:
        """The JSON that kubectl prints. Raises Unreachable."""
        return json.loads(run(kubectl(self.kubeconfig, *arguments)))

    def get(self, kind: str, *selectors: str, namespace: str = SYSTEM) -> list[dict[str, Any]]:
        """Objects of a namespace, by default Istio's own."""
        return self.kubectl("get", kind, f"--namespace={namespace}", *selectors, "--output=json")["items"]

    def named(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object of Istio's own namespace, if it is there."""
        return next(iter(self.get(kind, f"--field-selector=metadata.name={name}")), None)


def istiod(cluster: Examined) -> Iterator[Said]:
    """The control plane, of each revision: ready, and of the version that the toolchain has."""
    found = cluster.get("deployments", "--selector=app=istiod")
    if not found:
        yield Said("failure", f"there is no istiod in {SYSTEM}", "run `make up`")
    for deployment in found:
        name, ready, wanted = _ready(deployment)
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
        _, ready, wanted = _ready(deployment)
        address = addresses(service)
        if not ready:
            yield Said("failure", f"{name}: 0 of {wanted} pods are ready", LOGS + name)
        elif not address:
            advice = "wait for the cluster's load balancer, or give the cluster gateway.externalIPs"
            yield Said("failure", f"{name} has no address, by which {callers} come in", advice)
        else:
            yield Said("ok", f"{name} at {address[0]}")


def _ready(deployment: Mapping[str, Any]) -> tuple[str, int, int]:
    """Name of a deployment, its pods that are ready, and those that there are to be."""
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    return deployment["metadata"]["name"], ready, deployment["spec"].get("replicas", 1)


def addresses(service: Mapping[str, Any]) -> list[str]:
    """Addresses of a Service from outside its cluster. A node port is reached at the nodes', and so has none."""
    spec = service["spec"]
    balancers = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
    found = [*spec.get("externalIPs", []), *(part.get("ip") or part.get("hostname") for part in balancers)]
    return found or (["the nodes' addresses"] if spec.get("type") == "NodePort" else [])


def remotes(cluster: Examined) -> Iterator[Said]:
    """The other clusters, whose endpoints istiod reads by their secrets, or finds written down."""
    ready = [name for name, pods, _ in map(_ready, cluster.get("deployments", "--selector=app=istiod")) if pods]
    if not ready or not cluster.others:  # of istiod its own check tells
        return
    secrets = cluster.get("secrets", "--selector=istio/multiCluster=true")
    known = {str(secret["metadata"].get("annotations", {}).get("networking.istio.io/cluster")) for secret in secrets}
    asked = ("exec", f"--namespace={SYSTEM}", f"deployment/{ready[0]}", "--", "pilot-discovery", "request", "GET")
    if cluster.networks is not None:
        yield from _written_down(cluster, cluster.networks, known, cluster.kubectl(*asked, "/debug/networkz"))
        return
    synced = {remote["id"]: remote["syncStatus"] for remote in cluster.kubectl(*asked, "/debug/clusterz")}
    sources = _sources(cluster.kubectl(*asked, "/debug/endpointShardz"))
    for name in cluster.others:
        if name not in known:
            yield Said("failure", f"it does not know {name}: there is no remote secret", "run `make up`")
        elif name not in sources:
            advice = f"is its API server reached from here? {LOGS}istiod"
            yield Said("failure", f"it does not see the endpoints of {name}: {synced.get(name, 'not read')}", advice)
        else:
            yield Said("ok", f"it sees the endpoints of {name}")


def _written_down(
    cluster: Examined, networks: Mapping[str, str], known: Collection[str], gateways: Sequence[Mapping[str, Any]] | None
) -> Iterator[Said]:
    """What is written down of the others: entries, and a gateway for them; and no secret of theirs is left."""
    for name in sorted(known):
        yield Said("failure", f"it holds credentials of {name}, which mesh.discovery says it does not", "run `make up`")
    entries = cluster.kubectl("get", KIND, "--all-namespaces", f"--selector={EXPORTED_LABEL}", "--output=json")["items"]
    exporters = {entry["metadata"]["labels"][EXPORTED_LABEL] for entry in entries}
    reached = {gateway["Network"] for gateway in gateways or ()}
    for name, network in networks.items():
        if name not in exporters:
            yield Said("failure", f"it does not know {name}: there is no entry of what that exports", "run `make up`")
        elif network not in reached:
            advice = f"is the gateway's name resolved here? {LOGS}istiod"
            yield Said("failure", f"it knows no gateway of {network}, by which {name} is called", advice)
        else:
            yield Said("ok", f"it knows what {name} exports, and the gateway of {network}")


def _sources(shards: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Clusters that istiod has endpoints of.

    Its own word for how a cluster is synced is "timeout" for all whose Secrets it may not read, as here it may not.
    """
    services = [service for namespaces in shards.values() for service in namespaces.values()]
    return {shard.rpartition("/")[2] for service in services for shard in service["Shards"]}


def authority(cluster: Examined) -> Iterator[Said]:
    """The CA by which istiod signs, up to its root."""
    secret = cluster.named("secret", "cacerts") or cluster.named("secret", "istio-ca-secret")
    if secret is None:
        yield Said("failure", "istiod has no CA", f"run `make up`; {LOGS}istiod")
        return
    for key, pem in secret["data"].items():
        if key in ("ca-cert.pem", "root-cert.pem"):
            yield _lifetime(key.removesuffix("-cert.pem"), base64.b64decode(pem))


def _lifetime(what: str, pem: bytes) -> Said:
    """How long the first certificate to expire lasts."""
    certificates = x509.load_pem_x509_certificates(pem)
    ends = min(certificate.not_valid_after_utc for certificate in certificates)
    begins = max(certificate.not_valid_before_utc for certificate in certificates)
    now = datetime.now(UTC)
    advice = "make a new CA, and let both roots be trusted until every workload has the new one"
    name = "its root" if what == "root" else "its CA"
    if begins > now:
        return Said("failure", f"{name} is not valid before {begins:%Y-%m-%d %H:%M} UTC", "see the machine's clock")
    if ends - now < EXPIRES_NOW:
        return Said("failure", f"{name} ends on {ends:%Y-%m-%d %H:%M} UTC", advice)
    if ends - now < EXPIRES_SOON:
        return Said("warning", f"{name} ends on {ends:%Y-%m-%d}, in {(ends - now).days} days", advice)
    return Said("ok", f"{name} is valid until {ends:%Y-%m-%d}")


def clocks(cluster: Examined) -> Iterator[Said]:
    """The nodes' clocks, by the leases that they renew."""
    leases = cluster.get("leases", namespace="kube-node-lease")
    late: list[str] = []
    for lease in leases:
        node, renewed = lease["metadata"]["name"], lease["spec"].get("renewTime")
        if renewed is None:
            continue
        age = datetime.now(UTC) - datetime.fromisoformat(renewed)
        if age > LEASE_LOST:
            late.append(f"{node} last spoke {age.total_seconds():.0f} s ago by this machine's clock")
        elif age < -LEASE_AHEAD:
            late.append(f"{node} is {-age.total_seconds():.0f} s ahead of this machine")
    if late:
        yield Said("failure", "; ".join(late), "see that the node runs, and set its clock (or this machine's) right")
    else:
        yield Said("ok", f"{len(leases)} nodes agree with this machine's")


def api(cluster: Examined) -> Iterator[Said]:
    """The API server, which all other checks need."""
    try:
        run(kubectl(cluster.kubeconfig, "get", "--raw=/readyz"), ANSWER_SECONDS)
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
