"""Each rule, on what the program declares (which passes) and on that with one thing changed (which does not)."""

from __future__ import annotations

import copy
import re
from typing import Any, cast

import pytest

from policy.rules import UNKNOWN, Resource, violations
from tests.unit.components.monitor import UNKNOWN as UNKNOWN_IN_PREVIEW
from tests.unit.components.monitor import Program, revealed
from tests.unit.components.program import DEV, VARIANTS, changed, run, variant


def declared(program: Program) -> list[Resource]:
    return [
        Resource(
            urn=it.urn,
            type=it.type,
            inputs=revealed(it.inputs),
            parent=it.parent,
            provider=it.provider.rpartition("::")[0],
        )
        for it in program.resources.values()
        if not it.read
    ]


def broken(*changes: tuple[str, str, Any], without: str = "") -> dict[str, str]:
    """Rules that are broken, and what is said, once inputs of the talk's resources (name, path, value) are others."""
    resources = [it for it in declared(variant("the talk's")) if not without or it.name != without]
    for name, path, value in changes:
        (it,) = (it for it in resources if it.name == name and it.inputs)
        inputs = copy.deepcopy(dict(it.inputs))
        *folders, last = path.split(".")
        entry: Any = inputs
        for step in folders:
            entry = cast("Any", entry[int(step)] if isinstance(entry, list) else entry.setdefault(step, {}))  # pyright: ignore[reportUnknownMemberType]
        entry[last] = value
        resources[resources.index(it)] = Resource(
            urn=it.urn, type=it.type, inputs=inputs, parent=it.parent, provider=it.provider
        )
    return {it.rule: f"{it.urn.rpartition('::')[2]}: {it.message}" for it in violations(resources)}


@pytest.mark.parametrize("name", VARIANTS)
def test_what_the_program_declares_breaks_no_rule(name: str) -> None:
    assert violations(declared(variant(name))) == []


def test_nor_does_what_it_declares_in_a_preview_that_knows_little() -> None:
    assert UNKNOWN == UNKNOWN_IN_PREVIEW
    assert violations(declared(run(DEV, preview=True))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.mtls.mode", "PERMISSIVE"),
        ("spec.mtls.mode", "DISABLE"),
        ("spec.portLevelMtls", {"8080": {"mode": "DISABLE"}}),
    ],
)
def test_mtls_may_not_be_less_than_strict(path: str, value: Any) -> None:
    found = broken(("cluster2-strict-mtls", path, value))
    assert "cluster2-strict-mtls: mTLS is " in found["strict-mtls"]


@pytest.mark.parametrize("path", ["spec.trafficPolicy", "spec.subsets.0.trafficPolicy"])
def test_a_destination_rule_may_not_switch_mtls_off(path: str) -> None:
    found = broken(("details-cluster1-destinations", path, {"tls": {"mode": "DISABLE"}}))
    assert "TLS mode DISABLE" in found["strict-mtls"]


def test_a_destination_rule_for_a_host_outside_the_mesh_may_have_other_tls() -> None:
    host = ("details-cluster1-destinations", "spec.host", "db.example.com")
    assert broken(host, ("details-cluster1-destinations", "spec.trafficPolicy.tls.mode", "SIMPLE")) == {}


def test_strict_for_the_whole_mesh_may_not_be_left_out() -> None:
    assert [*broken(without="cluster1-strict-mtls")] == ["strict-mtls-mesh-wide"]
    assert "strict-mtls-mesh-wide" in broken(("cluster1-strict-mtls", "spec.selector", {"matchLabels": {"app": "a"}}))


def test_weights_add_up_to_100() -> None:
    one, other = ("details-cluster1-weights", "details-cluster2-weights")
    path = "spec.http.0.route.0.weight"
    found = broken((one, path, 90), (other, path, 90))
    assert [*found] == ["weights-add-up"]
    assert found["weights-add-up"].endswith("spec.http[0] add up to 90, must be 100")
    assert broken((one, path, UNKNOWN), (other, path, UNKNOWN)) == {}


def test_weights_are_the_same_in_every_cluster() -> None:
    changes = [
        ("details-cluster2-weights", f"spec.http.0.route.{n}.weight", weight) for n, weight in enumerate((60, 40))
    ]
    found = broken(*changes)
    assert [*found] == ["weights-equal"]
    # Which of the two is the other one, only the order says in which the engine hears of them.
    assert re.search("are not those of details-cluster[12]-weights", found["weights-equal"])


def test_no_weight_is_for_what_is_nowhere() -> None:
    changes = [
        (f"details-{cluster}-weights", "spec.http.0.route.0.destination.host", "details-vm9.default.svc.cluster.local")
        for cluster in ("cluster1", "cluster2")
    ]
    found = broken(*changes)
    assert [*found] == ["destinations-exist"]
    assert "100% of the calls go to details-vm9.default.svc.cluster.local" in found["destinations-exist"]


NOWHERE = {"destination": {"host": "x.y.svc.cluster.local"}}
ELSEWHERE = {"destination": {"host": "api.example.com"}}
BESIDE: list[tuple[dict[str, Any], str]] = [
    ({"match": [{"headers": {}}], "route": [NOWHERE]}, "calls that match"),
    ({"route": [ELSEWHERE], "mirrors": [NOWHERE]}, "copies of calls"),
]


@pytest.mark.parametrize(("entry", "says"), BESIDE)
def test_nor_is_a_match_or_a_copy(entry: dict[str, Any], says: str) -> None:
    ours = variant("the talk's")["details-cluster1-weights"]["spec.http"]
    found = broken(("details-cluster1-weights", "spec.http", [entry, *ours]))
    assert found == {
        "destinations-exist": f"details-cluster1-weights: {says} go to x.y.svc.cluster.local, which is in no cluster"
    }


@pytest.mark.parametrize(
    "rule",
    [
        {"mirror": {"cluster1": 5}, "timeout": "2s", "retries": {"attempts": 2}},
        {"affinity": {"cookie": "session"}, "match": [{"headers": {"a": "b"}, "destination": "cluster2"}]},
    ],
)
def test_what_a_rule_declares_breaks_no_rule_of_these(rule: dict[str, Any]) -> None:
    assert violations(declared(run(changed("routes.details.rules", {"vm-only": rule})))) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("vm1-container", "image"),
        ("cluster1-node", "environment.IMAGE"),
        ("cluster1-images", "environment.IMAGES"),
        ("cluster1-details-v1-deployment", "spec.template.spec.containers.0.image"),
    ],
)
@pytest.mark.parametrize("image", ["debian", "registry.example.com:5000/debian", "debian:latest", "debian:stable"])
def test_images_are_pinned(name: str, path: str, image: str) -> None:
    found = broken((name, path, image))
    assert [*found] == ["images-pinned"]
    assert f"the image {image} is not pinned" in found["images-pinned"]


@pytest.mark.parametrize(
    "image", ["debian:12.5", f"debian@sha256:{64 * '0'}", f"debian:latest@sha256:{64 * '0'}", UNKNOWN]
)
def test_a_version_or_a_digest_pins_an_image(image: str) -> None:
    assert broken(("vm1-container", "image", image)) == {}


def test_istio_s_own_images_are_pinned() -> None:
    assert "pilot:latest" in broken(("cluster1-istiod", "values.global.tag", "latest"))["images-pinned"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("privileged", True, "privileged"),
        ("capabilities", {"adds": ["CAP_NET_ADMIN", "CAP_SYS_ADMIN"]}, "CAP_SYS_ADMIN"),
        ("capabilities", {"adds": ["ALL"]}, "capability ALL"),
        ("networkMode", "host", "its host's network"),
        ("pidMode", "host", "its host's pid"),
        ("volumes", [{"hostPath": "/var/run/docker.sock", "containerPath": "/x"}], "docker.sock"),
        ("mounts", [{"type": "bind", "source": "/", "target": "/host"}], "host's /"),
    ],
)
def test_a_vm_has_nothing_of_its_host(path: str, value: Any, says: str) -> None:
    found = broken(("vm1-container", path, value))
    assert [*found] == ["vms-unprivileged"]
    assert says in found["vms-unprivileged"]


def test_what_is_no_text_where_one_belongs_breaks_no_rule_and_nothing_else() -> None:
    assert (
        broken(("cluster1-details-v1-deployment", "spec.template", None), ("vm1-container", "capabilities", "all"))
        == {}
    )
