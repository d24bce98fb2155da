"""What a cluster knows of the others, by what kubectl and istiod answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.vmmesh.doctor.support import answers, deployment
from tests.unit.vmmesh.support import Programs
from vmmesh.doctor import discovery
from vmmesh.doctor.examined import Examined

SECRET = {"metadata": {"annotations": {"networking.istio.io/cluster": "cluster2"}}}


def shards(*clusters: str) -> dict[str, Any]:
    return {"details.default.svc.cluster.local": {"default": {"Shards": {f"Kubernetes/{it}": [] for it in clusters}}}}


@pytest.mark.parametrize(
    ("secrets", "seen", "gateways", "level"),
    [
        ([], ["cluster1"], [], "failure"),
        ([SECRET], ["cluster1"], [], "failure"),
        ([SECRET], ["cluster1", "cluster2"], None, "failure"),
        ([SECRET], ["cluster1", "cluster2"], [{"Network": "network2"}], "ok"),
    ],
)
def test_another_cluster_is_known_and_its_endpoints_are_seen(
    examined: Examined, programs: Programs, secrets: list[Any], seen: list[str], gateways: Any, level: str
) -> None:
    # What istiod says of every cluster whose Secrets it may not read.
    synced = [{"id": "cluster2", "syncStatus": "timeout"}]
    istiod = {"clusterz": synced, "endpointShardz": shards(*seen), "networkz": gateways}
    answers(programs, deployments=[deployment(1)], secrets=secrets, **istiod)
    reached = replace(examined, networks={"cluster2": "network2"})
    assert [said.level for said in discovery.remotes(reached)] == [level]


ENTRY = {"metadata": {"labels": {"vm-mesh/exported-by": "cluster2"}}}
GATEWAY = {"Network": "network2", "Cluster": "", "Addr": "192.0.2.2", "Port": 15443}


@pytest.mark.parametrize(
    ("secrets", "entries", "gateways", "levels"),
    [
        ([], [ENTRY], [GATEWAY], ["ok"]),
        ([], [], [GATEWAY], ["failure"]),
        ([], [ENTRY], None, ["failure"]),
        ([SECRET], [ENTRY], [GATEWAY], ["failure", "ok"]),
    ],
)
def test_without_secrets_it_is_written_down_where_another_cluster_is(
    examined: Examined, programs: Programs, secrets: list[Any], entries: list[Any], gateways: Any, levels: list[str]
) -> None:
    written = {"workloadentries.networking.istio.io": entries}
    answers(programs, deployments=[deployment(1)], secrets=secrets, networkz=gateways, **written)
    keyless = replace(examined, networks={"cluster2": "network2"}, keyless=True)
    assert [said.level for said in discovery.remotes(keyless)] == levels
