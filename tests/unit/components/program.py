"""The project's own program, run without an engine on a config and on made-up artifacts."""

from __future__ import annotations

import base64
import copy
import functools
import json
import runpy
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pulumi
import pytest
import yaml

from settings import PROJECT
from tests.unit.components import monitor
from tests.unit.components.monitor import Program, Properties, Registered
from toolchain import artifacts

ROOT = Path(__file__).parents[3]
DEV: Properties = {
    key.removeprefix(f"{PROJECT}:"): value
    for key, value in yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"].items()
}

ARTIFACTS: dict[str, Any] = {
    "path": [],
    "istio": {"version": "1.31.0", "hub": "registry.example.com/istio", "tag": "1.31.0", "proxy": "istio"},
    "charts": ".state/charts",
    "sidecar_package": {"path": ".state/istio-sidecar.deb", "sha256": 64 * "0"},
    "images": {name: f"registry.example.com/{name}:1" for name in artifacts.IMAGES},
    "load_images": True,
    "kind_config": {"networking": {"disableDefaultCNI": True}},
    "management": {
        name: {"reference": f"localhost/{name}:1", "archive": f".state/{name}.tar"}
        for name in ("prometheus", "otel-collector", "victoria-logs", "jaeger")
    },
}

ADDRESS = "192.0.2.7"
TOKEN = "reader-token"
SIGNING_KEY = f"signing-{TOKEN}"


def pem(label: str, text: str) -> str:
    """A PEM block that says what it stands for."""
    return f"-----BEGIN {label}-----\n{base64.b64encode(text.encode()).decode()}\n-----END {label}-----\n"


def key(of: str) -> str:
    return pem("PRIVATE KEY", f"key of {of}")


def certificate(of: str) -> str:
    return pem("CERTIFICATE", f"certificate of {of}")


def kubeconfig(of: str) -> Properties:
    """Kubeconfig of a cluster, with a context of the same name and another one."""
    return {
        "clusters": [{"name": of, "cluster": {"server": f"https://{of}.example.com:6443"}}],
        "users": [{"name": of, "user": {"token": f"kubeconfig of {of}", "client-key-data": key(of)}}],
        "contexts": [{"name": name, "context": {"cluster": of, "user": of}} for name in (of, "another")],
        "current-context": "another",
    }


def run(config: Properties = DEV, *, preview: bool = False, **changed: Any) -> Program:
    """The program with this config, and with ``changed`` over :data:`ARTIFACTS`."""
    tools = artifacts.parse({**ARTIFACTS, **changed})
    as_pulumi = {
        f"{PROJECT}:{name}": value if isinstance(value, str) else json.dumps(value) for name, value in config.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        pulumi.runtime.set_all_config(as_pulumi, [f"{PROJECT}:caKey"])
        patch.setattr(artifacts, "load", Mock(return_value=tools))
        patch.chdir(ROOT)
        return monitor.run(lambda: runpy.run_path("__main__.py"), outputs, preview=preview)


def changed(path: str, value: Any, config: Properties = DEV) -> Properties:
    """A copy of ``config`` with another value at ``path``, such as ``vms.vm1.probe``; None removes it."""
    config = copy.deepcopy(config)
    *folders, last = path.split(".")
    entry = config
    for folder in folders:
        entry = entry.setdefault(folder, {})
    if value is None:
        del entry[last]
    else:
        entry[last] = value
    return config


def outputs(resource: Registered) -> Properties:
    """What the machine and the clusters would say."""
    match resource.type:
        case "command:local:Command":
            return {"stdout": _stdout(resource), "stderr": ""}
        case "kubernetes:core/v1:Secret" if resource.inputs.get("type") == "kubernetes.io/service-account-token":
            data = {"token": TOKEN, "ca.crt": certificate(resource.name)}
            return {"data": {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}}
        case "pulumi:pulumi:StackReference":
            found = kubeconfig("there")
            outputs = {
                "kubeconfig": found,
                "kubeconfigs": dict.fromkeys(("east", "west"), found),
                "text": json.dumps(found),
            }
            return {"outputs": outputs, "secretOutputNames": list(outputs)}
        case _:
            return {}


def _stdout(command: Registered) -> str:
    match command.name.split("-"):
        case ["trust", *subject]:
            return key("-".join(subject)) + certificate("-".join(subject))
        case [cluster, "kubeconfig"]:
            return json.dumps(kubeconfig(cluster))
        case [*_, "address"]:
            return ADDRESS
        case [*_, "machine"]:
            return f"{command.name} identity"
        case [*_, "signing", "key"]:
            return f"{SIGNING_KEY}\n"
        case _:
            return ""


HOST_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{43 * 'x'}"
JUMP: Properties = {"address": "jump.example.com", "hostKey": HOST_KEY}
HOST: Properties = {"address": "192.0.2.8", "user": "admin", "port": 2222, "hostKey": HOST_KEY, "jump": JUMP}
FLEET: Properties = {
    "cluster": "cluster1",
    "machines": {"fleet-a": {"host": HOST}, "fleet-b": {}},
    "services": {"details": {"port": 9080}, "ratings": {"port": 9081, "command": "ratings"}},
    "probe": {"tcp": {"port": 9080}},
    "registration": "static",
    "labels": {"version": "legacy"},
    "capture": {"excludeOutboundPorts": [3306], "excludeOutboundCIDRs": ["10.0.0.0/8"]},
    "sidecar": {"package": "https://mirror.example.com/sidecar.rpm", "sha256": 64 * "1"},
}
"""A VM of two machines: one that is there, behind another host, and a container."""


MODULE: Properties = {
    "module": "tests/unit/components/empty.wasm",
    "sha256": "93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476",
}
"""An extension whose module is a file, the shortest that there is."""

KIALI = f"kiali/kiali:v2.30.0@sha256:{64 * '3'}"
GRAFANA = f"grafana/grafana:13.0.0@sha256:{64 * '4'}"


def _variants() -> dict[str, Properties]:
    balanced = {"serviceType": "LoadBalancer", "annotations": {"example.com/internal": "true"}}
    existing = {
        "network": "network2",
        "existing": {"stackReference": "organization/platform/prod", "context": "there", "gateway": balanced},
    }
    addresses = {"serviceType": "ClusterIP", "externalIPs": ["198.51.100.1", "198.51.100.2"]}
    third = {"network": "network3", "existing": {"context": "third", "gateway": addresses}}
    large = changed("clusters.cluster3", third, changed("clusters.cluster2", existing))
    large = changed("vms.vm2", {**DEV["vms"]["vm1"], "cluster": "cluster3", "namespace": "more-machines"}, large)
    large = changed("routes.details.stages.both", {"vm1": 50, "vm2": 50}, large)
    large = changed("vms.fleet", FLEET, large)
    large = changed("routes.details.callers.clusters", None, large)
    large = changed("routes.reviews", {"stages": {"spread": {"cluster1": 34, "cluster2": 33, "cluster3": 33}}}, large)
    guarded = {
        **changed("routes.details.failover", ["cluster1", "cluster2", "vm1"]),
        "access": {
            "rules": {
                "productpage": [{"from": ["ingress"]}],
                "details": [{"from": ["productpage"], "methods": ["GET"], "paths": ["/details/*"]}],
            },
            "enforced": ["default", "virtual-machines"],
            "operators": {"group:books": ["default"], "user:jane@example.com": ["default", "virtual-machines"]},
        },
    }
    extended = {
        **DEV,
        "extensions": {
            "file": MODULE,
            "image": {"module": f"oci://registry.example.com/filter@sha256:{64 * '2'}", "clusters": ["cluster2"]},
        },
    }
    keyless = changed("vms.fleet", {**FLEET, "cluster": "cluster2"}, changed("mesh", {"discovery": "serviceEntries"}))
    keyless = changed("clusters.cluster3", third, keyless)
    gathered = {"cluster": "cluster2", "accessLogs": {}, "traces": {"sampling": 10}}
    managed = changed("management", {"cluster": "management", "metrics": {}})
    managed = changed("clusters.management", {"network": "network3", "application": False}, managed)
    seen = changed("management.kiali", {"image": KIALI}, managed)
    seen_alone = {**changed("management.kiali", {"image": KIALI}, managed), "mesh": {"discovery": "serviceEntries"}}
    told = changed("management.cluster", "management", {**managed, "management": gathered})
    own = {**DEV, "caCertificate": certificate("signer") + certificate("own root"), "caKey": key("signer")}
    return {
        "the talk's": DEV,
        "with an own CA": own,
        "with access and failover": guarded,
        "with extensions": extended,
        "with existing clusters": changed("stages.reviews", "spread", large),
        "with access logs and traces": {**DEV, "management": gathered},
        "with access logs and traces, without remote secrets": {**told, "mesh": {"discovery": "serviceEntries"}},
        "with a management cluster": managed,
        "with Kiali and Grafana": changed("management.grafana", {"image": GRAFANA}, seen),
        "with Kiali, without remote secrets": seen_alone,
        "without remote secrets": keyless,
        "without VMs and routes": {name: DEV[name] for name in DEV if name not in ("vms", "routes", "stages")},
    }


VARIANTS = _variants()
"""Environments of every kind that the config can describe."""


@functools.cache
def variant(name: str) -> Program:
    """The program of the variant of this name, run once for all tests."""
    return run(VARIANTS[name])
