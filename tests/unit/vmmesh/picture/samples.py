"""Configs of many shapes, and pictures of them."""

from __future__ import annotations

import json
from typing import Any

from settings import Settings, from_pulumi
from vmmesh.calls import Calls
from vmmesh.counting import Counted
from vmmesh.judge import Verdict, judge
from vmmesh.picture.shown import Picture
from vmmesh.picture.topology import picture
from vmmesh.routes import route_of

VM = {"port": 9080}
MOMENT = "2026-11-24T16:51:02+00:00"


def long(start: str, length: int = 40) -> str:
    """The widest name of a length."""
    return start + "w" * (length - len(start))


def config(
    *,
    clusters: dict[str, str],
    vms: dict[str, dict[str, Any]],
    stages: dict[str, dict[str, int]],
    service: str = "details",
    now: str = "",
    callers: dict[str, list[str]] | None = None,
    networks: list[str] | None = None,
) -> Settings:
    """Settings with one route, whose clusters are given by their networks."""
    values: dict[str, Any] = {
        "stages": {service: now or next(iter(stages))},
        "routes": {service: {"stages": stages, "callers": callers or {}}},
        "clusters": {name: {"network": network} for name, network in clusters.items()},
        "networks": networks or ["vm-network"],
        "application": {service: {"versions": {"v1": {"image": "registry/image:1"}}}},
        "vms": {
            name: {"cluster": next(iter(clusters)), "services": {service: VM}, "probe": {"http": {"port": 9080}}, **vm}
            for name, vm in vms.items()
        },
    }
    return from_pulumi({f"vm-mesh:{key}": json.dumps(value) for key, value in values.items()}, [])


TALK = config(
    clusters={"cluster1": "network1", "cluster2": "network2"},
    vms={"vm1": {}},
    stages={
        "vm-only": {"vm1": 100},
        "spread": {"vm1": 50, "cluster1": 25, "cluster2": 25},
        "kubernetes": {"cluster1": 100},
    },
    callers={"namespaces": ["default"]},
)
ONE = config(clusters={"only": "here"}, vms={}, stages={"all": {"only": 100}})
LONG = config(
    clusters={long("a"): long("n"), long("b"): long("m"), "c": "same", "d": "same"},
    vms={long("v", 20): {"network": long("o"), "namespace": long("e", 63)}, "v2": {"network": "same", "cluster": "c"}},
    stages={long("s"): {long("a"): 1, long("v", 20): 98, "v2": 1}},
    service=long("d"),
    callers={"namespaces": [long("x", 63), long("e", 63), "c", "d", "e"]},
    networks=[long("o")],
)
MANY = config(
    clusters={f"cluster{number}": f"network{number}" for number in range(6)},
    vms={f"vm{number}": {"cluster": f"cluster{number % 3}"} for number in range(30)},
    stages={"even": {f"vm{number}": 4 if number < 10 else 3 for number in range(30)}},
)
BARE = TALK.model_copy(update={"routes": {}, "stages": {}})


def verdict(settings: Settings, counted: dict[str, dict[str, Calls]], service: str = "details") -> Verdict:
    """The judgement on what was counted."""
    return judge(route_of(settings, service), Counted(calls=counted), {}, 5.02)


def every_way(settings: Settings) -> list[Picture]:
    """Pictures of a config, of the mesh after it (good, bad, and idle), and of each of its stages."""
    names = list(settings.routes)
    plain = picture("dev", settings, names)
    if not names:
        return [plain]
    (service,) = names
    shares = settings.weights(service)
    good = {name: Calls(1_000_000 * percent) for name, percent in shares.items()}
    bad = {name: Calls(123_456, 4_321) for name in (*settings.clusters, *settings.vms, "elsewhere")}
    vms = [
        {"name": name, "vm": name, "registered": True, "healthy": index % 2, "message": "its probe fails"}
        for index, name in enumerate(settings.vms)
    ]
    first = next(iter(settings.clusters))
    seen = [
        picture(
            "dev",
            settings,
            names,
            verdicts=[verdict(settings, {first: counts}, service)],
            vms=vms,
            moment=MOMENT,
            config={service: "another"},
        )
        for counts in (good, bad, {})
    ]
    stages = [picture("dev", settings, names, stages={service: stage}) for stage in settings.routes[service].stages]
    return [plain, *seen, *stages]


SAMPLES = {"talk": TALK, "one": ONE, "long": LONG, "many": MANY, "bare": BARE}
