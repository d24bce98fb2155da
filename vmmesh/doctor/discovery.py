"""What a cluster knows of the others: by their remote secrets, or by what is written down of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from settings import EXPORTED_LABEL
from vmmesh.doctor.examined import LOGS, SYSTEM, Examined, ready_pods
from vmmesh.doctor.finding import Said
from vmmesh.entries import KIND


def remotes(cluster: Examined) -> Iterator[Said]:
    """The other clusters, whose endpoints istiod reads by their secrets, or finds written down."""
    ready = [name for name, pods, _ in map(ready_pods, cluster.get("deployments", "--selector=app=istiod")) if pods]
    if not ready or not cluster.others:  # of istiod its own check tells
        return
    secrets = cluster.get("secrets", "--selector=istio/multiCluster=true")
    known = {str(secret["metadata"].get("annotations", {}).get("networking.istio.io/cluster")) for secret in secrets}
    asked = ("exec", f"--namespace={SYSTEM}", f"deployment/{ready[0]}", "--", "pilot-discovery", "request", "GET")
    reached = {gateway["Network"] for gateway in cluster.kubectl(*asked, "/debug/networkz") or ()}
    if cluster.keyless:
        yield from _written_down(cluster, known, reached)
        return
    synced = {remote["id"]: remote["syncStatus"] for remote in cluster.kubectl(*asked, "/debug/clusterz")}
    sources = _sources(cluster.kubectl(*asked, "/debug/endpointShardz"))
    for name in cluster.others:
        if name not in known:
            yield Said("failure", f"it does not know {name}: there is no remote secret", "run `make up`")
        elif name not in sources:
            advice = f"is its API server reached from here? {LOGS}istiod"
            yield Said("failure", f"it does not see the endpoints of {name}: {synced.get(name, 'not read')}", advice)
        elif name in cluster.networks and cluster.networks[name] not in reached:
            yield _out_of_reach(name, cluster.networks[name])
        else:
            yield Said("ok", f"it sees the endpoints of {name}")


def _written_down(cluster: Examined, known: Collection[str], reached: Collection[str]) -> Iterator[Said]:
    """What is written down of the others: entries, and a gateway for them; and no secret of theirs is left."""
    for name in sorted(known):
        yield Said("failure", f"it holds credentials of {name}, which mesh.discovery says it does not", "run `make up`")
    entries = cluster.kubectl("get", KIND, "--all-namespaces", f"--selector={EXPORTED_LABEL}", "--output=json")["items"]
    exporters = {entry["metadata"]["labels"][EXPORTED_LABEL] for entry in entries}
    for name, network in cluster.networks.items():
        if name not in exporters:
            yield Said("failure", f"it does not know {name}: there is no entry of what that exports", "run `make up`")
        elif network not in reached:
            yield _out_of_reach(name, network)
        else:
            yield Said("ok", f"it knows what {name} exports, and the gateway of {network}")


def _out_of_reach(name: str, network: str) -> Said:
    advice = f"is the gateway's name resolved in the cluster? {LOGS}istiod"
    return Said("failure", f"it knows no gateway of {network}, by which {name} is called", advice)


def _sources(shards: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Clusters that istiod has endpoints of.

    Its own word for how a cluster is synced is "timeout" for all whose Secrets it may not read, as here it may not.
    """
    services = [service for namespaces in shards.values() for service in namespaces.values()]
    return {shard.rpartition("/")[2] for service in services for shard in service["Shards"]}
