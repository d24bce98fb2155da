"""A config that is right, ways to make it wrong, and what is said of it then."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from settings import PROJECT, SettingsError, from_pulumi, load

ROOT = Path(__file__).parents[3]
DEV: dict[str, Any] = {
    key.removeprefix(f"{PROJECT}:"): value
    for key, value in yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"].items()
    if key.startswith(f"{PROJECT}:")
}
SECRET = "c2VjcmV0IGtleQ=="
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----\n"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + 43 * "x"
FULL: dict[str, Any] = {
    "mesh": {
        "id": "mesh1",
        "trustDomain": "mesh.example.com",
        "certificateTtl": "12h",
        "installed": False,
        "discovery": "serviceEntries",
        "exported": ["details", "ratings"],
    },
    "istio": {
        "hub": "registry.example.com:5000/istio",
        "tag": "1.31.0",
        "revisions": {
            "default": {},
            "next": {"hub": "registry.example.com/istio", "tag": "1.32.0", "charts": "charts/1.32"},
        },
        "revision": "default",
        "namespaces": {"shop": "next"},
        "gateways": "next",
    },
    "mirror": {
        "images": "registry.example.com:5000/mirror",
        "charts": "https://charts.example.com/istio",
        "downloads": "https://mirror.example.com/downloads",
    },
    "caCertificate": CERTIFICATE,
    "caKey": KEY,
    "caTrusted": CERTIFICATE,
    "roots": ["next"],
    "clusters": {
        "made": {
            "network": "network1",
            "application": True,
            "kind": {"ingressPort": 8081, "nodeImage": f"kindest/node:v1@sha256:{64 * 'a'}"},
        },
        "there": {
            "network": "network2",
            "existing": {
                "context": "arn:aws:eks:eu-central-1:1:cluster/there",
                "kubeconfig": "~/.kube/there",
                "apiServer": "https://there.example.com:6443",
                "gateway": {
                    "serviceType": "ClusterIP",
                    "externalIPs": ["192.0.2.1", "2001:db8::1"],
                    "annotations": {"internal": "true"},
                },
            },
        },
        "known": {
            "network": "network3",
            "existing": {
                "stackReference": "organization/platform/prod",
                "output": "kubeconfig",
                "context": "known",
                "gateway": {"address": "known.example.com"},
            },
        },
    },
    "networks": ["vm-network"],
    "dockerNetwork": "kind",
    "application": {
        "details": {
            "namespace": "shop",
            "port": 9080,
            "clusters": ["made", "there"],
            "ingressPaths": ["/details"],
            "versions": {"v1": {"image": "details:1", "replicas": 2, "env": {"LOG_LEVEL": "debug"}}},
        },
        "ratings": {"namespace": "shop", "clusters": ["there"], "versions": {"v1": {}}},
    },
    "vms": {
        "vm1": {
            "cluster": "made",
            "revision": "next",
            "network": "vm-network",
            "namespace": "machines",
            "container": {"image": "vm:1"},
            "services": {"details": {"port": 9080, "command": "PORT=9080 exec details --log '$HOME/log' | tee"}},
            "probe": {
                "http": {"path": "/health?deep=1", "port": 9080},
                "periodSeconds": 5,
                "timeoutSeconds": 2,
                "failureThreshold": 3,
            },
            "registration": "static",
            "labels": {"version": "v0", "team": "books"},
            "capture": {
                "excludeOutboundPorts": [3306],
                "excludeOutboundCIDRs": ["10.0.0.0/8", "2001:db8::/32"],
                "excludeInterfaces": ["docker0"],
            },
            "sidecar": {"package": "https://mirror.example.com/istio-sidecar.deb", "sha256": 64 * "0"},
        },
        "fleet": {
            "cluster": "there",
            "machines": {
                "fleet-a": {
                    "host": {
                        "address": "fleet-a.example.com",
                        "user": "admin",
                        "port": 2222,
                        "hostKey": HOST_KEY,
                        "identityFile": "~/.ssh/fleet",
                        "jump": {"address": "192.0.2.9", "user": "jump", "port": 22, "hostKey": HOST_KEY},
                    }
                },
                "fleet-b": {"container": {}},
            },
            "services": {"details": {"port": 9080}},
            "probe": {"exec": {"command": ["/usr/local/bin/check", "--deep"]}},
        },
        "old": {
            "cluster": "there",
            "host": {"address": "2001:db8::7", "hostKey": HOST_KEY},
            "services": {"ratings": {"port": 9080}},
            "probe": {"tcp": {"port": 9080}},
        },
    },
    "routes": {
        "details": {
            "namespace": "shop",
            "callers": {"namespaces": ["shop"], "clusters": ["made"]},
            "probePath": "/details/0",
            "maxStep": 50,
            "gate": {
                "duration": "2m",
                "successRate": 99.5,
                "p99Milliseconds": 500,
                "minRequests": 200,
                "timesOthers": 2,
                "checks": {"orders": {"command": "./paid.sh"}, "shop": {"url": "https://shop.example.com/health"}},
                "pause": True,
            },
            "gates": {"canary": {"duration": 600}},
            "failover": ["made"],
            "stages": {"vm-only": {"vm1": 100}, "canary": {"vm1": 75, "there": 25}},
            "rule": {
                "match": [
                    {
                        "headers": {"end-user": "jason"},
                        "cookie": {"tester": "yes"},
                        "namespaces": ["shop"],
                        "labels": {"app": "front"},
                        "destination": "made",
                    }
                ],
                "affinity": {"cookie": "session", "ttl": "30m"},
                "timeout": "2s",
                "retries": {"attempts": 2, "perTryTimeout": "500ms", "retryOn": "5xx,reset,409"},
            },
            "rules": {"vm-only": {"mirror": {"made": 10}}},
        }
    },
    "stages": {"details": "vm-only"},
    "access": {
        "rules": {
            "details": [
                {
                    "from": ["ratings", "ingress"],
                    "methods": ["GET", "HEAD"],
                    "paths": ["/details/*", "*/health"],
                },
                {"from": ["shop/reporter", "audit/*"]},
            ],
        },
        "enforced": ["shop"],
        "operators": {"group:books": ["shop"]},
    },
    "management": {
        "cluster": "made",
        "metrics": {"interval": 10, "retention": "4w"},
        "accessLogs": {"retention": "3d"},
        "traces": {"sampling": 1},
        "kiali": {"image": f"kiali/kiali:v2.30.0@sha256:{64 * 'b'}"},
        "grafana": {"image": f"grafana/grafana@sha256:{64 * 'c'}"},
    },
    "extensions": {
        "header": {
            "module": "https://files.example.com/filters/header.wasm",
            "sha256": 64 * "0",
            "phase": "authn",
            "config": {},
            "workloads": {"services": ["ratings"], "vms": ["fleet"]},
            "clusters": ["there"],
        },
    },
    "allowReplace": ["there"],
}
REMOVED = object()


def changed(path: str, value: Any, config: dict[str, Any] = FULL) -> dict[str, Any]:
    """A copy of ``config`` with ``value`` at ``path``, or nothing there."""
    config = copy.deepcopy(config)
    parent, _, last = path.rpartition("/")
    entries = entries_at(config, parent)
    if value is REMOVED:
        del entries[last]
    else:
        entries[int(last) if isinstance(entries, list) else last] = value
    return config


def entries_at(config: dict[str, Any], path: str) -> Any:
    """The object or list at ``path``."""
    entries: Any = config
    for part in filter(None, path.split("/")):
        entries = entries[int(part) if isinstance(entries, list) else part]
    return entries


ENCRYPTED = {f"{PROJECT}:caKey"}


def as_pulumi(config: dict[str, Any]) -> dict[str, str]:
    """``config`` as Pulumi hands it to the program."""
    return {f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def errors(config: dict[str, Any]) -> tuple[str, ...]:
    """What is wrong with ``config``, which must be the same as values and as Pulumi's texts."""
    with pytest.raises(SettingsError) as refusal:
        load(config)
    with pytest.raises(SettingsError) as refusal_of_texts:
        from_pulumi(as_pulumi(config), ENCRYPTED)
    assert refusal.value.errors == refusal_of_texts.value.errors
    return refusal.value.errors


def refusal_of(config: dict[str, Any]) -> SettingsError | None:
    """Why ``config`` is refused, if it is."""
    try:
        load(config)
    except SettingsError as refusal:
        return refusal
    return None


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a config, with its path."""
    for key, inner in inside(value):
        yield f"{path}{key}", inner
        yield from places(inner, f"{path}{key}/")


def inside(value: Any) -> Iterable[tuple[Any, Any]]:
    """What an object or a list holds, by name or by number."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).items()
    return enumerate(cast("list[Any]", value)) if isinstance(value, list) else ()


def are_readable(messages: Iterable[str]) -> bool:
    """Whether each can be printed on any terminal, and read."""
    return all(message.isascii() and message.isprintable() and len(message) < 300 for message in messages)


def shown(path: str) -> str:
    """``path`` as messages show it."""
    first, *rest = path.split("/")
    steps = (f"[{part}]" if part.isdigit() else f'["{part}"]' if ":" in part else f".{part}" for part in rest)
    return f"{PROJECT}:{first}" + "".join(steps)


NAME = "must be 1 to 40 lower-case letters, digits and '-', begin with a letter and not end with '-'"
APART: dict[str, Any] = {
    **changed("clusters/apart", {"network": "network9", "application": False}, DEV),
    "management": {"cluster": "apart", "metrics": {}},
}
