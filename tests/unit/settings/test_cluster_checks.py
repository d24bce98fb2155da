"""What clusters must be to each other."""

from __future__ import annotations

import pytest

from settings import PROJECT, load
from tests.unit.settings.support import FULL, changed, errors


def test_one_cluster_under_two_names() -> None:
    config = changed("clusters/twin", {**FULL["clusters"]["there"], "network": "network4"})
    first = f"{PROJECT}:clusters.there.existing.context"
    assert errors(config) == (f"{PROJECT}:clusters.twin.existing.context: is the same cluster as {first}",)
    config["clusters"]["twin"]["existing"]["kubeconfig"] = "~/.kube/twin"
    load(config)


def test_one_output_under_two_names() -> None:
    config = changed("clusters/twin", {"network": "network4", "existing": FULL["clusters"]["known"]["existing"]})
    first = f"{PROJECT}:clusters.known.existing.context"
    assert errors(config) == (f"{PROJECT}:clusters.twin.existing.context: is the same cluster as {first}",)
    config["clusters"]["twin"]["existing"] = {**config["clusters"]["twin"]["existing"], "output": "other"}
    load(config)


def test_a_kubeconfig_of_two_sources_and_an_output_of_none() -> None:
    config = changed("clusters/known/existing/kubeconfig", "~/.kube/config")
    config["clusters"]["there"]["existing"]["output"] = "kubeconfig"
    assert errors(config) == (
        f"{PROJECT}:clusters.known.existing: has both 'kubeconfig' and 'stackReference'; keep the one that the "
        "kubeconfig is in",
        f"{PROJECT}:clusters.there.existing.output: is an output of no stack; name the stack with 'stackReference'",
    )


@pytest.mark.parametrize("kind", ["NodePort", "ClusterIP"])
def test_a_gateway_that_gets_no_address(kind: str) -> None:
    assert errors(changed("clusters/there/existing/gateway", {"serviceType": kind})) == (
        f"{PROJECT}:clusters.there.existing.gateway.externalIPs: is missing; nothing gives a Service of type {kind} "
        "an address",
    )


def test_one_port_for_two() -> None:
    config = changed("clusters/more", {**FULL["clusters"]["made"], "network": "network4"})
    config["vms"]["vm1"]["services"]["reviews"] = {"port": 9080, "command": "reviews"}
    port, vm = f"{PROJECT}:clusters.made.kind.ingressPort", f"{PROJECT}:vms.vm1.services"
    assert errors(config) == (
        f"{PROJECT}:clusters.more.kind.ingressPort: is the same port as {port}",
        f"{vm}.reviews.port: is the same port as {vm}.details.port",
    )


def test_cluster_of_two_kinds() -> None:
    assert errors(changed("clusters/there/kind", {})) == (
        f"{PROJECT}:clusters.there: has both 'kind' and 'existing'; keep the one that it is",
    )
