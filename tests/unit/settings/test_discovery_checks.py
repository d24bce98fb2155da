"""Clusters without credentials of each other: what they export."""

from __future__ import annotations

from typing import Any

import pytest

from settings import exported_services, exporters, load, networks_behind
from tests.unit.settings.support import DEV, REMOVED, changed, errors, shown


@pytest.mark.parametrize(
    ("path", "value", "where", "error"),
    [
        (
            "mesh/exported/1",
            "rating",
            "mesh/exported/1",
            'there is no service in the application or on a VM "rating"; did you mean "ratings"?',
        ),
        ("mesh/exported/1", "details", "mesh/exported/1", "is the same service as vm-mesh:mesh.exported[0]"),
        (
            "mesh/exported",
            ["ratings"],
            "mesh/exported",
            'lacks "details", which has a route, so that other clusters must know it',
        ),
        (
            "mesh/discovery",
            "remoteSecrets",
            "mesh/exported",
            "is of no use with mesh.discovery remoteSecrets, where clusters know every service; remove it",
        ),
        (
            "clusters/there/network",
            "network1",
            "clusters/there/network",
            "must be a network of its own with mesh.discovery serviceEntries, "
            "and is the same as vm-mesh:clusters.made.network",
        ),
        (
            "clusters/known/existing/gateway",
            {},
            "clusters/known/existing/gateway/address",
            "is missing; with mesh.discovery serviceEntries the other clusters are told the gateway's address, "
            "and cannot look it up",
        ),
        (
            "vms/vm1/network",
            "network2",
            "vms/vm1/network",
            'is that of another cluster than "made", by which it is called with mesh.discovery serviceEntries',
        ),
    ],
)
def test_clusters_without_credentials_of_each_other(path: str, value: Any, where: str, error: str) -> None:
    assert errors(changed(path, value)) == (f"{shown(where)}: {error}",)


def test_all_that_is_wrong_with_exports_is_said_at_once() -> None:
    config = changed("mesh/exported", ["rating"], changed("clusters/there/network", "network1"))
    config = changed("clusters/known/existing/gateway", {}, config)
    assert len(errors(config)) == 4


def test_an_exported_service_is_not_called_as_the_metrics() -> None:
    config = changed("application/prometheus", {"versions": {}})
    load(config)
    assert errors(changed("mesh/exported", ["details", "ratings", "prometheus"], config)) == (
        "vm-mesh:application.prometheus: is what the metrics are exported as with mesh.discovery serviceEntries; "
        "give it another name",
    )


def test_services_with_routes_and_those_of_vms_are_exported() -> None:
    settings = load(changed("mesh/exported", REMOVED))
    assert exported_services(settings) == ("details", "ratings")
    assert exporters(settings) == ["made", "there"]
    assert networks_behind(settings, "made") == ["network1", "vm-network"]
    assert networks_behind(load(DEV), "cluster1") == ["network1"]
