"""What settings.py takes, what it refuses, and in which words."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st
from pydantic import BaseModel

from settings import (
    KEYS,
    PROJECT,
    SettingsError,
    exported_services,
    exporters,
    failover_orders,
    from_pulumi,
    load,
    networks_behind,
    policies,
)

ROOT = Path(__file__).parents[2]
PROJECT_FILE: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
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
        "charts": "oci://registry.example.com/charts",
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


# What is shipped


def test_dev_loads() -> None:
    settings = from_pulumi(as_pulumi(DEV), ENCRYPTED)
    assert settings.weights("details") == {"vm1": 100}
    assert list(settings.application) == ["productpage", "details", "reviews", "ratings"]
    assert settings.namespaces() == ["default", "virtual-machines"]
    assert settings.ca is None


@pytest.mark.parametrize("stage", DEV["routes"]["details"]["stages"])
def test_every_stage_of_dev_loads(stage: str) -> None:
    settings = load(changed("stages/details", stage, DEV))
    assert settings.weights("details") == DEV["routes"]["details"]["stages"][stage]


def test_project_file_declares_the_keys_that_are_known() -> None:
    declared: dict[str, dict[str, Any]] = PROJECT_FILE["config"]
    assert {*declared} == {f"{PROJECT}:{key}" for key in KEYS}
    for key, entry in declared.items():
        assert entry["type"] in ("object", "array", "string"), key
        assert entry["description"].strip(), key


def test_defaults_of_the_project_file_are_the_defaults() -> None:
    entries = PROJECT_FILE["config"].items()
    defaults = {key.removeprefix(f"{PROJECT}:"): entry["default"] for key, entry in entries if "default" in entry}
    least = {"clusters": {"only": {"network": "network1"}}}
    assert from_pulumi(as_pulumi({**defaults, **least}), ENCRYPTED) == load(least)


def test_the_full_config_loads_and_sets_every_field() -> None:
    settings = load(FULL)
    assert settings == from_pulumi(as_pulumi(FULL), ENCRYPTED)

    def collect(value: Any) -> Iterator[tuple[type[BaseModel], set[str]]]:
        if isinstance(value, BaseModel):
            yield type(value), value.model_fields_set
            for field in type(value).model_fields:
                yield from collect(getattr(value, field))
        for _, inner in inside(value):
            yield from collect(inner)

    models: dict[type[BaseModel], set[str]] = {}
    for model, fields in collect(settings):
        models.setdefault(model, set()).update(fields)
    assert models == {model: set(model.model_fields) for model in models}


def test_services_are_in_the_clusters_that_run_them() -> None:
    settings = load(FULL)
    assert list(settings.services_in("made")) == ["details"]
    assert list(settings.services_in("there")) == ["details", "ratings"]


def test_settings_are_frozen() -> None:
    settings = load(FULL)
    with pytest.raises(ValueError, match="frozen"):
        settings.mesh.id = "other"
    settings.weights("details")["vm1"] = 0
    assert settings.weights("details") == {"vm1": 100}


def test_other_projects_keys_are_left_alone() -> None:
    assert from_pulumi({**as_pulumi(DEV), "kubernetes:context": "x", "vm-mesh-2:routes": "x"}, ENCRYPTED) == load(DEV)


# What is refused: single values

OBJECT, LIST = "must be an object, not", "must be a list, not"


def wrong_types() -> Iterator[tuple[str, Any, str]]:
    """Each place of a config, a value of a type that does not belong there, and what is said of it."""
    for path, value in places(FULL):
        if isinstance(value, dict):
            yield from ((path, wrong, OBJECT) for wrong in (["a"], "text", 5, True, None))
        elif isinstance(value, list):
            yield from ((path, wrong, LIST) for wrong in ({"a": 1}, "text", 5, True, None))
        elif isinstance(value, bool):
            yield from ((path, wrong, "must be true or false, not") for wrong in (1, "yes", None, [True]))
        elif path.endswith(("successRate", "timesOthers")):
            yield from ((path, wrong, "must be a number, not") for wrong in ("75", True, None, [75]))
        elif path.endswith(("duration", "interval")):  # a text or a number
            yield from ((path, wrong, "must be a whole number, not") for wrong in (75.5, True, None, [75], {"a": 75}))
        elif isinstance(value, int):
            whole = "must be a whole number, not"
            yield from ((path, wrong, whole) for wrong in (75.5, 75.0, "75", True, None, [75], {"a": 75}))
        else:
            choice = "must be 'LoadBalancer', 'NodePort' or 'ClusterIP', not"
            choices = {
                "serviceType": choice,
                "registration": "must be 'auto' or 'static', not",
                "phase": "must be 'authn', 'authz', 'stats' or 'unspecified', not",
                "discovery": "must be 'remoteSecrets' or 'serviceEntries', not",
            }
            rule = choices.get(path.rpartition("/")[2], "must be text, not")
            yield from ((path, wrong, rule) for wrong in (["a"], {"a": "b"}, 5, True, None))


@pytest.mark.parametrize(("path", "wrong", "rule"), [*wrong_types()])
def test_wrong_type(path: str, wrong: Any, rule: str) -> None:
    given = {"NoneType": "null", "bool": "true", "list": "a list", "dict": "an object"}.get(
        type(wrong).__name__, json.dumps(wrong)
    )
    config = changed(path, wrong)
    if path in ("caCertificate", "caKey"):  # Pulumi has these as texts, whatever they are
        with pytest.raises(SettingsError) as refusal:
            load(config)
        found = refusal.value.errors
    else:
        found = errors(config)
    null = f"{shown(path)}: must not be null; remove the key, or give it a value"
    assert f"{shown(path)}: {rule} {given}" in found or (wrong is None and null in found)


@pytest.mark.parametrize("path", [path for path, value in places(FULL) if isinstance(value, str)])
@pytest.mark.parametrize("text", ["a\nb", "a\0b", "a\u202eb", "a\ud800b", "", pytest.param("A" * 100_000, id="long")])
def test_hostile_text(path: str, text: str) -> None:
    if text == "" and path.split("/")[-1] in (
        "LOG_LEVEL",
        "caCertificate",
        "caKey",
        "caTrusted",
        "internal",
        "dockerNetwork",
    ):
        return
    found = errors(changed(path, text))
    assert any(error.startswith(f"{shown(path)}: ") for error in found)
    assert are_readable(found)


NAMED = [
    *("clusters", "vms", "vms/vm1/services", "application", "application/details/versions"),
    *("routes", "routes/details/stages", "istio/revisions", "extensions"),
]


@pytest.mark.parametrize("place", NAMED)
@pytest.mark.parametrize(
    "name",
    [
        *("Upper", "1st", "-a", "a-", "a_b", "a.b", "a b", "a/b", "", "a" * 41),
        *("\u00e9", "\u0430bc", "$(id)", "a;b", "a\nb", "\0", "\ud800"),
    ],
)
def test_name_that_kubernetes_refuses(place: str, name: str) -> None:
    entries = entries_at(FULL, place)
    found = errors(changed(place, {**entries, name: next(iter(entries.values()))}))
    assert any(error.startswith(shown(place)) and f": {NAME}, not " in error for error in found)
    assert are_readable(found)


@pytest.mark.parametrize("place", NAMED)
def test_name_without_end(place: str) -> None:
    entries = entries_at(FULL, place)
    found = errors(changed(place, {**entries, "a" * 100_000: next(iter(entries.values()))}))
    where = f'{shown(place)}["{37 * "a"}..."]'
    assert f"{where}: must be at most 500 characters long, not 100000" in found
    assert are_readable(found)


IMAGE = "must be an image, [host/]path[:tag][@digest]"
PATH = "must be a path that begins with '/' and holds no spaces"
NAME = "must be 1 to 40 lower-case letters, digits and '-', begin with a letter and not end with '-'"
NAMESPACE = "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end"
HTTPS = "must be https://host[:port][/path]"
HTTP = "must be http(s)://host[:port][/path]"
CHARTS = "must be http(s):// or oci://host[:port][/path]"
IP = "must be an IP address that other machines can reach"
HOST = "must be a host name or an IP address"
CIDR = "must be a range of IP addresses, such as 10.0.0.0/8"
COMMAND = "must be one line of printable ASCII"
COOKIE = "must be the name of a cookie, of letters, digits, '-' and '_'"
AGE = "must be a whole number of s, m or h, such as 30m or 1h"
DURATION = "must be a whole number of ms, s, m or h, such as 500ms or 2s"
DIGEST = f"sha256:{64 * '0'}"

OUT_OF_BOUNDS: list[tuple[str, str, list[Any]]] = [
    ("must be at least 1", "clusters/made/kind/ingressPort", [0, -1]),
    ("must be at most 65535", "vms/vm1/services/details/port", [65536]),
    ("must be at least 0", "application/details/versions/v1/replicas", [-1]),
    ("must be at most 2147483647", "application/details/versions/v1/replicas", [2**31]),
    ("must be at least 1", "vms/vm1/probe/periodSeconds", [0]),
    (NAME, "clusters/made/network", ["Net_1", "", "1net"]),
    (NAME, "networks/0", ["1net"]),
    (NAME, "roots/0", ["2027", "a.b"]),
    (
        "must be whole minutes or hours, such as 90m or 24h",
        "mesh/certificateTtl",
        ["0h", "24", "1d", "90s", "1.5h", "-1h", ""],
    ),
    ("must be at most 2160h", "mesh/certificateTtl", ["2161h", "99999m"][:1]),
    (NAMESPACE, "vms/vm1/namespace", ["Machines", "a.b", "-a", "a-", ""]),
    (NAMESPACE, "routes/details/callers/namespaces/0", ["a_b"]),
    (
        "must be a lower-case DNS name",
        "mesh/trustDomain",
        ["Cluster.local", "spiffe://a", "a..b", ".a", "a."],
    ),
    ("must be a lower-case DNS name", "mesh/id", ["mesh 1"]),
    ("must be a repository of images, [host/]path", "istio/hub", ["https://a/istio", "a:tag", ""]),
    ("must be an image's tag", "istio/tag", ["1.31:0", "", "-1"]),
    ("must be a registry, host[:port][/path]", "mirror/images", ["/mirror", "https://a", "a:b"]),
    (CHARTS, "mirror/charts", ["ftp://charts", "charts"]),
    (HTTP, "mirror/downloads", ["mirror/x", "oci://mirror", "file:///etc"]),
    (
        HTTPS,
        "clusters/there/existing/apiServer",
        ["http://a", "https://a b", "https://", "https://a?b", "a:6443"],
    ),
    ("must be one printable line", "clusters/there/existing/context", [" ", "a\nb"]),
    (
        "must be organization/project/stack (the organization is 'organization' in files)",
        "clusters/known/existing/stackReference",
        ["platform/prod", "prod", "a/b/c/d", "a b/c/d", ""],
    ),
    ("must be the name of a Docker network", "dockerNetwork", ["-a", "a/b"]),
    (IP, "clusters/there/existing/gateway/externalIPs/0", ["a.example.com", "192.0.2.300", "192.0.2.1/32"]),
    (IP, "clusters/there/existing/gateway/externalIPs/1", ["127.0.0.1", "::", "::1", "fe80::1%eth0"]),
    (PATH, "application/details/ingressPaths/0", ["details", "", "/a b", '/"', "/#"]),
    (PATH, "vms/vm1/probe/http/path", ["health", "/a\tb", "/\u00e4"]),
    (PATH, "routes/details/probePath", ["http://a"]),
    ("must be at least 1", "routes/details/rules/vm-only/mirror/made", [0]),
    ("must be at most 100", "routes/details/rules/vm-only/mirror/made", [101]),
    (COOKIE, "routes/details/rule/affinity/cookie", ["a b", "a;b", "a.b", "$a"]),
    (AGE, "routes/details/rule/affinity/ttl", ["0s", "500ms", "1d", "1.5h", "-1s"]),
    (DURATION, "routes/details/rule/timeout", ["0s", "2", "1d", "1.5s", ""]),
    ("must be at most 1h", "routes/details/rule/timeout", ["61m", "2h"]),
    (DURATION, "routes/details/rule/retries/perTryTimeout", ["0ms", "fast"]),
    ("must be at most 10", "routes/details/rule/retries/attempts", [11]),
    (
        "must be printable ASCII, with no space at either end",
        "routes/details/rule/match/0/headers/end-user",
        [" a", ""],
    ),
    ("must be the value of a Kubernetes label", "routes/details/rule/match/0/labels/app", ["a b"]),
    (HOST, "vms/fleet/machines/fleet-a/host/address", ["-oProxyCommand=x", "a b", "a;b", "", "a..b"]),
    ("must be the name of a user", "vms/fleet/machines/fleet-a/host/user", ["-l", "Root", "a b", "$(id)"]),
    (
        "must be a type and a key, as `ssh-keyscan HOST` prints them behind the host",
        "vms/fleet/machines/fleet-a/host/hostKey",
        ["", "AAAA", "ssh-dss AAAA", f"a.example.com {HOST_KEY[:20]}"],
    ),
    ("must be a path without spaces", "vms/fleet/machines/fleet-a/host/identityFile", ["a b", "$HOME/a", "`id`"]),
    (CIDR, "vms/vm1/capture/excludeOutboundCIDRs/0", ["10.0.0.1/8", "a", "10.0.0.0/33"]),
    ("must be a SHA-256 sum, 64 hexadecimal digits", "vms/vm1/sidecar/sha256", ["", "G", "0"]),
    (
        "must be a path or an https:// URL of a .deb or a .rpm",
        "vms/vm1/sidecar/package",
        ["http://a/b.deb", "b.tar", "$(id).deb", "a b.rpm"],
    ),
    ("must be the value of a Kubernetes label", "vms/vm1/labels/version", ["a b", "-a"]),
    (COMMAND, "vms/vm1/services/details/command", ["", " ", "a\nb", "a\0b", "r\u0435boot"]),
    (
        IMAGE,
        "vms/vm1/container/image",
        ["", "A", "a:", "a@", "a:b:c", "a//b", "/a", "a/", "-a", "a b", "a:-1"],
    ),
    (IMAGE, "clusters/made/kind/nodeImage", ["a@sha256:0", "a__.b", "a___b", "https://a/b", "\u00e4"]),
    (IMAGE, "application/details/versions/v1/image", ["a; rm -rf /", "$(id)", "a@md5:0"]),
]


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [(path, value, rule) for rule, path, values in OUT_OF_BOUNDS for value in values],
)
def test_value_out_of_bounds(path: str, value: Any, rule: str) -> None:
    assert f"{shown(path)}: {rule}, not {json.dumps(value)}" in errors(changed(path, value))


@pytest.mark.parametrize("name", ["LOG-LEVEL", "1ST", "", "A B", "\u00c4"])
def test_name_that_environments_refuse(name: str) -> None:
    path = "application/details/versions/v1/env"
    (error,) = errors(changed(path, {name: "x"}))
    assert error.startswith(shown(path))
    assert error.endswith(f": must be letters, digits and '_', and begin with no digit, not {json.dumps(name)}")


@pytest.mark.parametrize(
    "image",
    [
        *("busybox", "localhost:5000/a/b__c:V1.0_x", "[2001:db8::1]:5000/a", "Registry.Example.com/a.b-c"),
        *(f"a@{DIGEST}", f"a:1@sha512:{128 * 'f'}", "registry/a---b"),
    ],
)
def test_image_that_registries_take(image: str) -> None:
    load(changed("vms/vm1/container/image", image))


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("istio/revisions", {}),
        *(("clusters", {}), ("vms/vm1/services", {}), ("routes/details/stages", {})),
        *(("routes/details/callers/clusters", []), ("routes/details/callers/namespaces", [])),
    ],
)
def test_what_must_not_be_empty(path: str, empty: Any) -> None:
    assert f"{shown(path)}: must not be empty" in errors(changed(path, empty))


def test_login_in_a_url_is_not_shown() -> None:
    assert errors(changed("mirror/downloads", "https://me:pw@mirror/x")) == (
        f'{PROJECT}:mirror.downloads: {HTTP}, not "https://...@mirror/x"',
    )


@pytest.mark.parametrize(("path", "longest"), [("mesh/trustDomain", 253), ("vms/vm1/services/details/command", 4000)])
def test_longest_text(path: str, longest: int) -> None:
    text = ".".join(["a" * 61] * 100)
    load(changed(path, text[:longest]))
    assert errors(changed(path, text[: longest + 2])) == (
        f"{shown(path)}: must be at most {longest} characters long, not {longest + 2}",
    )


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("mesh", "trustDomain"),
        ("istio", "hub"),
        ("istio/revisions/next", "charts"),
        ("mirror", "downloads"),
        ("clusters/made", "network"),
        ("clusters/made/kind", "ingressPort"),
        ("clusters/there/existing", "apiServer"),
        ("clusters/there/existing/gateway", "externalIPs"),
        ("application/details", "ingressPaths"),
        ("application/details/versions/v1", "replicas"),
        ("vms/vm1", "namespace"),
        ("vms/vm1/container", "image"),
        ("vms/vm1/services/details", "command"),
        ("vms/vm1/probe", "periodSeconds"),
        ("vms/vm1/probe/http", "path"),
        ("vms/vm1/capture", "excludeInterfaces"),
        ("vms/vm1/sidecar", "sha256"),
        ("vms/fleet", "machines"),
        ("vms/fleet/machines/fleet-a", "host"),
        ("vms/fleet/machines/fleet-a/host", "identityFile"),
        ("vms/fleet/machines/fleet-a/host/jump", "address"),
        ("routes/details", "probePath"),
        ("routes/details/callers", "namespaces"),
        ("routes/details/rule", "affinity"),
        ("routes/details/rule/match/0", "destination"),
        ("routes/details/rule/retries", "perTryTimeout"),
        ("routes/details/rules/vm-only", "mirror"),
    ],
)
def test_unknown_key(path: str, near: str) -> None:
    typo = f"{near}x"
    assert errors(changed(f"{path}/{typo}", 1)) == (f'{shown(path)}.{typo}: unknown key; did you mean "{near}"?',)


@pytest.mark.parametrize("retention", ["1h", "23h"])
def test_access_logs_are_kept_for_a_day_at_least(retention: str) -> None:
    path = "management/accessLogs/retention"
    assert errors(changed(path, retention)) == (f'{shown(path)}: must be at least 24h, not "{retention}"',)


def test_unknown_key_at_the_top() -> None:
    known = ", ".join(json.dumps(key) for key in sorted(KEYS)[:8])
    assert errors({**FULL, "route": {}, "caCert": "x", "zzz": None}) == (
        f'{PROJECT}:caCert: unknown key; did you mean "caCertificate"?',
        f'{PROJECT}:route: unknown key; did you mean "routes"?',
        f"{PROJECT}:zzz: unknown key; known: {known}, ...",
    )


def test_unknown_key_without_a_value() -> None:
    with pytest.raises(SettingsError, match="vm-mesh:netwroks: unknown key"):
        from_pulumi({**as_pulumi(FULL), f"{PROJECT}:netwroks": ""}, ENCRYPTED)


def test_keys_are_known_by_one_spelling_only() -> None:
    assert errors(changed("mesh/trust_domain", "a")) == (
        f'{PROJECT}:mesh.trust_domain: unknown key; did you mean "trustDomain"?',
    )


@pytest.mark.parametrize(
    "path", ["clusters", "clusters/made/network", "vms/vm1/cluster", "vms/vm1/probe", "vms/vm1/services"]
)
def test_missing_key(path: str) -> None:
    assert f"{shown(path)}: is missing" in errors(changed(path, REMOVED))


# What is refused: names that stand for nothing, or for two things


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("stages/details", "canry", 'there is no stage "canry"; did you mean "canary"?'),
        ("stages/detials", "canary", 'there is no route "detials"; did you mean "details"?'),
        ("vms/vm1/cluster", "xyz", 'there is no cluster "xyz"; known: "known", "made", "there"'),
        ("vms/vm1/network", "vm-netwrk", 'there is no network "vm-netwrk"; did you mean "vm-network"?'),
        ("application/ratings/clusters/0", "thre", 'there is no cluster "thre"; did you mean "there"?'),
        ("routes/details/callers/clusters/0", "mad", 'there is no cluster "mad"; did you mean "made"?'),
        ("allowReplace/0", "thre", 'there is no VM or cluster "thre"; did you mean "there"?'),
        ("routes/details/namespace", "default", 'is "default", but the service is in "shop"'),
        (
            "routes/details/stages/canary/vm2",
            0,
            'there is no VM or cluster "vm2"; did you mean "vm1"?',
        ),
    ],
)
def test_name_that_stands_for_nothing(path: str, value: Any, error: str) -> None:
    assert errors(changed(path, value)) == (f"{shown(path)}: {error}",)


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


def test_services_with_routes_and_those_of_vms_are_exported() -> None:
    settings = load(changed("mesh/exported", REMOVED))
    assert exported_services(settings) == ("details", "ratings")
    assert exporters(settings) == ["made", "there"]
    assert networks_behind(settings, "made") == ["network1", "vm-network"]
    assert networks_behind(load(DEV), "cluster1") == ["network1"]


def test_route_of_no_service_in_no_stage() -> None:
    assert errors(changed("routes/detail", {"stages": {"only": {"made": 100}}})) == (
        f'{PROJECT}:routes.detail: there is no service in the application "detail"; did you mean "details"?',
        f'{PROJECT}:stages.detail: is missing; name the stage that "detail" is in',
    )


def test_vm_may_be_on_the_network_of_a_cluster() -> None:
    """Of any cluster, where all of them read each other's endpoints; else of the one that it joins."""
    load(changed("vms/vm1/network", "network1"))
    load(changed("vms/vm1/network", "network2", changed("mesh", {})))


def test_vm_that_does_not_run_the_service() -> None:
    config = changed("vms/vm1/services", {"reviews": {"port": 9080, "command": "reviews"}})
    config["stages"]["details"] = "canary"
    wrong = 'VM "vm1" does not run "details"; known: "reviews"'
    assert errors(config) == (
        f'{PROJECT}:routes.details.stages.canary.vm1: {wrong}; "details" is in this stage, so move '
        "to another stage first",
        f"{PROJECT}:routes.details.stages.vm-only.vm1: {wrong}",
    )


@pytest.mark.parametrize(("path", "value"), [("clusters", ["made"]), ("versions", {})])
def test_cluster_that_does_not_run_the_service(path: str, value: Any) -> None:
    config = changed("routes/details/rules", {}, changed("routes/details/rule", {}))
    config = changed("routes/details/failover", REMOVED, changed(f"application/details/{path}", value, config))
    assert errors(config) == (f'{PROJECT}:routes.details.stages.canary.there: cluster "there" does not run "details"',)


def test_removed_vm_that_the_current_stage_calls() -> None:
    wrong = 'there is no VM or cluster "vm1"; known: "fleet", "known", "made", "old", "there"'
    assert errors(changed("vms/vm1", REMOVED)) == (
        f"{PROJECT}:routes.details.stages.canary.vm1: {wrong}",
        f'{PROJECT}:routes.details.stages.vm-only.vm1: {wrong}; "details" is in this stage, so move '
        "to another stage first",
    )


def test_removed_vm_that_no_stage_names() -> None:
    config = changed("routes/details/stages", {"kubernetes": {"there": 100}})
    config["stages"]["details"] = "kubernetes"
    config["routes"]["details"] |= {"rules": {}, "gates": {}}
    assert load({**config, "vms": {}, "extensions": {}}).vms == {}


def test_vm_named_like_a_cluster() -> None:
    error = "is also the name of a cluster; a destination needs a name of its own"
    assert f"{PROJECT}:vms.made: {error}" in errors(changed("vms/made", FULL["vms"]["vm1"]))


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


def test_host_names_of_vms() -> None:
    service = {"port": 9080, "command": "serve"}
    config = changed("application/details-vm1", {"namespace": "machines", "versions": {}})
    config["vms"]["v" * 40] = {**config["vms"]["vm1"], "services": {"s" * 40: service}}
    config["vms"]["w" * 22] = config["vms"]["v" * 40]
    del config["vms"]["fleet"], config["vms"]["old"], config["extensions"]
    vms = f"{PROJECT}:vms"
    assert errors(config) == (
        f"{vms}.vm1.services.details: has the same name in Kubernetes as {PROJECT}:application.details-vm1",
        f'{vms}.{"v" * 40}.services.{"s" * 40}: "{"s" * 37}..." would name a Service, must be at most 63 '
        "characters long",
    )


@pytest.mark.parametrize("path", ["clusters/made", "vms/vm1", "vms/vm1/probe", "routes/details/stages/canary/vm1"])
def test_name_given_twice(path: str) -> None:
    top, *_, name = path.split("/")
    texts = as_pulumi(FULL)
    entry = f"{json.dumps(name)}: {json.dumps(entries_at(FULL, path))}"
    twice = texts[f"{PROJECT}:{top}"].replace(entry, f"{entry}, {entry}")
    with pytest.raises(SettingsError) as refusal:
        from_pulumi({**texts, f"{PROJECT}:{top}": twice}, ENCRYPTED)
    assert refusal.value.errors == (f"{shown(path)}: is there more than once; give each its own name",)


# What is refused: the CA


@pytest.mark.parametrize("missing", ["caKey", "caCertificate"])
@pytest.mark.parametrize("nothing", [REMOVED, ""])
def test_half_a_ca(missing: str, nothing: Any) -> None:
    assert errors(changed(missing, nothing)) == (
        f"{PROJECT}:{missing}: is missing; a CA of your own needs both its certificate and its key",
    )


@pytest.mark.parametrize(
    "key", [SECRET, KEY * 2, KEY[:-20], KEY.replace("EC", "ENCRYPTED"), CERTIFICATE, f"{KEY}{SECRET}"]
)
def test_key_that_is_none_is_not_shown(key: str) -> None:
    found = errors({**FULL, "caKey": key})
    assert found == (f"{PROJECT}:caKey: must be one private key in PEM, not encrypted, and nothing else",)


@pytest.mark.parametrize("certificate", [SECRET, KEY, CERTIFICATE + KEY, f"{CERTIFICATE}{SECRET}"])
def test_certificate_that_may_be_a_key_is_not_shown(certificate: str) -> None:
    found = errors({**FULL, "caCertificate": certificate})
    assert found == (f"{PROJECT}:caCertificate: must be certificates in PEM and nothing else",)


@pytest.mark.parametrize("path", [path for path, _ in places(FULL)] + ["cakey", "mesh/key"])
def test_key_anywhere_is_not_shown(path: str) -> None:
    refusal = refusal_of(changed(path, KEY))
    if refusal:
        assert SECRET not in str(refusal)
        assert (refusal.__cause__, refusal.__context__) == (None, None)


def test_key_of_settings_is_not_shown() -> None:
    settings = load(FULL)
    assert settings.ca is not None
    assert settings.ca.key.get_secret_value() == KEY
    for text in (repr(settings), str(settings), repr(settings.ca), settings.model_dump_json()):
        assert SECRET not in text


def test_chain_of_certificates() -> None:
    chain = (CERTIFICATE + "\n" + CERTIFICATE).replace("\n", "\r\n")
    settings = load({**FULL, "caCertificate": chain})
    assert settings.ca is not None
    assert settings.ca.certificate == chain


# What is refused: weights


@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ({"vm1": 75, "there": 20}, ": weights add up to 95, must be 100"),
        ({"vm1": 75, "there": 75}, ": weights add up to 150, must be 100"),
        ({}, ": weights add up to 0, must be 100"),
        ({"vm1": 75.5, "there": 24.5}, ".vm1: must be a whole number, not 75.5"),
        ({"vm1": "75", "there": 25}, '.vm1: must be a whole number, not "75"'),
        ({"vm1": True, "there": 99}, ".vm1: must be a whole number, not true"),
        ({"vm1": None, "there": 100}, ".vm1: must be a whole number, not null"),
        ({"vm1": float("nan"), "there": 100}, ".vm1: must be a whole number, not nan"),
        ({"vm1": -25, "there": 125}, ".vm1: must be at least 0, not -25"),
        ({"vm1": 101, "there": -1}, ".vm1: must be at most 100, not 101"),
        ({"vm1": 10**30}, ".vm1: must be at most 100, not a number far too large"),
    ],
)
def test_weights_that_are_no_percents(weights: dict[str, Any], error: str) -> None:
    config = changed("routes/details/stages/canary", weights)
    assert f"{PROJECT}:routes.details.stages.canary{error}" in errors(config)


DESTINATIONS = ["vm1", "made", "there"]


@st.composite
def percents(draw: st.DrawFn) -> dict[str, int]:
    """Weights of known destinations that add up to 100, zeros among them."""
    names = draw(st.lists(st.sampled_from(DESTINATIONS), min_size=1, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=len(names) - 1, max_size=len(names) - 1)))
    return {name: high - low for name, low, high in zip(names, [0, *cuts], [*cuts, 100], strict=True)}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def are_percents(weights: dict[str, Any]) -> bool:
    """What the config's documentation says of a stage, in the plainest words."""
    whole = all(type(weight) is int and weight >= 0 for weight in weights.values())
    return whole and sum(weights.values()) == 100 and weights.keys() <= {*DESTINATIONS}


often = hypothesis.settings(database=None, deadline=None, max_examples=300)


@often
@hypothesis.given(percents())
def test_any_percents_load(weights: dict[str, int]) -> None:
    config = changed("routes/details/stages/canary", weights)
    config["stages"]["details"] = "canary"
    assert from_pulumi(as_pulumi(config), ENCRYPTED).weights("details") == weights


@often
@hypothesis.given(
    st.dictionaries(st.sampled_from([*DESTINATIONS, "vm2"]) | st.text(), st.integers(-5, 105) | JSON, max_size=4)
)
def test_anything_else_is_refused_with_its_path(weights: dict[str, Any]) -> None:
    hypothesis.assume(not are_percents(weights))
    with pytest.raises(SettingsError) as refusal:
        load(changed("routes/details/stages/canary", weights))
    assert all(error.startswith(f"{PROJECT}:routes.details.stages.canary") for error in refusal.value.errors)


# All at once


@often
@hypothesis.given(st.sampled_from([path for path, _ in places(FULL)]), JSON)
def test_whatever_is_given_it_loads_or_is_refused_in_readable_words(path: str, value: Any) -> None:
    refusal = refusal_of(changed(path, value))
    if refusal:
        assert all(error.startswith(f"{PROJECT}:") for error in refusal.errors)
        assert are_readable(refusal.errors)


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5_000, '{"a": ', "text"], ids=["deep", "long", "open", "none"])
def test_json_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        from_pulumi({**as_pulumi(FULL), f"{PROJECT}:mesh": text}, ENCRYPTED)
    (error,) = refusal.value.errors
    assert error.startswith(f'{PROJECT}:mesh: must be an object, not "')


def test_depth_without_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(2_000):
        deep = {"a": deep}
    with pytest.raises(SettingsError, match=r"vm-mesh:mesh\.a: unknown key"):
        load({**DEV, "mesh": deep})


def test_every_error_at_once_in_a_stable_order() -> None:
    config = changed("routes/details/stages/canary", {"vm1": 70, "there": 25})
    config["routes"]["details"]["stages"]["spread"] = {"vm1": "50", "nowhere": 50}
    config["routes"]["details"]["probepath"] = "/"
    config["vms"]["vm1"] |= {"cluster": "mad", "contaner": {}}
    config["clusters"]["Made"] = {"network": None}
    config["clusters"]["twin"] = config["clusters"]["there"]
    config["stages"] = {"details": "canray"}
    config["mesh"] = []
    del config["caCertificate"]
    expected = (
        "caCertificate: is missing; a CA of your own needs both its certificate and its key",
        f'clusters.Made: {NAME}, not "Made"',
        "clusters.Made.network: must be text, not null",
        f"clusters.twin.existing.context: is the same cluster as {PROJECT}:clusters.there.existing.context",
        "mesh: must be an object, not a list",
        'routes.details.probepath: unknown key; did you mean "probePath"?',
        "routes.details.stages.canary: weights add up to 95, must be 100",
        'routes.details.stages.spread.nowhere: there is no VM or cluster "nowhere"; did you mean "there"?',
        'routes.details.stages.spread.vm1: must be a whole number, not "50"',
        'stages.details: there is no stage "canray"; did you mean "canary"?',
        'vms.vm1.cluster: there is no cluster "mad"; did you mean "made"?',
        'vms.vm1.contaner: unknown key; did you mean "container"?',
    )
    assert errors(config) == tuple(f"{PROJECT}:{error}" for error in expected)

    backwards = json.loads(json.dumps(config), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert errors(backwards) == errors(config)

    with pytest.raises(SettingsError) as refusal:
        load(config)
    head, *lines = str(refusal.value).splitlines()
    assert head == "The stack's config has 12 errors; nothing was touched:"
    assert lines == [f"  - {error}" for error in refusal.value.errors]


def test_a_private_key_in_clear_text_is_refused() -> None:
    with pytest.raises(SettingsError) as error:
        from_pulumi(as_pulumi(FULL), ())
    assert error.value.errors == (
        "vm-mesh:caKey: is in clear text; set it anew with `pulumi config set --secret caKey`",
    )


def test_a_version_of_which_there_is_no_image_is_refused() -> None:
    application: dict[str, Any] = {
        "details": {"versions": {"v1": {}, "v2": {}}},
        "mine": {"versions": {"v1": {"image": "mine:1"}}},
    }
    with pytest.raises(SettingsError) as error:
        load({"clusters": {"cluster1": {"network": "network1"}}, "application": application})
    assert error.value.errors == (
        "vm-mesh:application.details.versions.v2.image: is missing; without one there are only the images of "
        "Bookinfo's versions",
    )


@pytest.mark.parametrize("probe", [{}, {"periodSeconds": 2}])
def test_a_probe_of_no_kind(probe: dict[str, Any]) -> None:
    assert errors(changed("vms/vm1/probe", probe)) == ("vm-mesh:vms.vm1.probe: needs one of 'http', 'tcp', 'exec'",)


def test_what_is_of_two_kinds() -> None:
    config = changed("vms/vm1/probe/tcp", {"port": 1})
    config["vms"]["vm1"]["host"] = config["vms"]["fleet"]["machines"]["fleet-a"]["host"]
    config["vms"]["fleet"]["machines"]["fleet-b"]["host"] = config["vms"]["vm1"]["host"]
    keep = "keep the one that it is"
    assert errors(config) == (
        f"vm-mesh:vms.fleet.machines.fleet-b: has both 'container' and 'host'; {keep}",
        f"vm-mesh:vms.vm1: has both 'container' and 'host'; {keep}",
        f"vm-mesh:vms.vm1.probe: has both 'http' and 'tcp'; {keep}",
    )


def test_machines_of_one_name() -> None:
    config = changed("vms/fleet/machines/vm1", {})
    assert errors(config) == ("vm-mesh:vms.vm1: has the same name as vm-mesh:vms.fleet.machines.vm1",)


def test_the_port_of_ssh_is_not_captured() -> None:
    config = changed("vms/fleet/services/ssh", {"port": 2222})
    reached = "vm-mesh:vms.fleet.machines.fleet-a.host"
    assert errors(config) == (
        f"vm-mesh:vms.fleet.services.ssh.port: is the port by which {reached} is reached; it must not be captured",
    )


def test_a_missing_host_key_says_how_to_get_it() -> None:
    (error,) = errors(changed("vms/fleet/machines/fleet-a/host/hostKey", REMOVED))
    assert error.startswith("vm-mesh:vms.fleet.machines.fleet-a.host.hostKey: is missing")
    assert "ssh-keyscan -t ed25519 -p PORT ADDRESS" in error
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in error


# Rules

RULE = "routes/details/rule"


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (f"{RULE}/match/0/destination", "mad", 'there is no VM or cluster "mad"; did you mean "made"?'),
        (f"{RULE}/match/0/destination", "old", 'VM "old" does not run "details"; known: "ratings"'),
        (f"{RULE}/match/0/destination", "known", 'cluster "known" does not run "details"'),
        (
            f"{RULE}/match/0/namespaces/0",
            "shp",
            '"shp" is none of the route\'s callers.namespaces, so no rule reaches it',
        ),
        (f"{RULE}/match/0/cookie", {"a": "1", "b": "2"}, "must have no more than 1"),
        (f"{RULE}/match/0/cookie", {}, "must not be empty"),
        (f"{RULE}/match/0/labels", {}, "must not be empty"),
        (
            f"{RULE}/match/0",
            {"destination": "made"},
            "matches every call; say which by one or more of 'headers', 'cookie', 'namespaces', 'labels'",
        ),
        (f"{RULE}/retries/perTryTimeout", "2001ms", "is longer than the timeout of all tries together, 2s"),
        (
            f"{RULE}/retries/retryOn",
            "5xx,conect-failure",
            'has "conect-failure", which is no status and nothing of Envoy\'s; did you mean "connect-failure"?',
        ),
        (f"{RULE}/retries", {"attempts": 0, "retryOn": "5xx"}, None),
        ("routes/details/rules/canry", {}, 'there is no stage "canry"; did you mean "canary"?'),
        ("routes/details/rules/vm-only/mirror/nowhere", 5, None),
        ("routes/details/rules/vm-only/timeout", "100ms", None),
    ],
)
def test_rule_that_cannot_be(path: str, value: Any, error: str | None) -> None:
    if error:
        assert errors(changed(path, value)) == (f"{shown(path)}: {error}",)
    else:
        assert len(errors(changed(path, value))) == 1


def test_a_header_has_a_lower_case_name_and_cookies_have_a_key_of_their_own() -> None:
    (error,) = errors(changed(f"{RULE}/match/0/headers", {"End-User": "a"}))
    assert error.endswith(': must be the lower-case name of a header, not "End-User"')
    (error,) = errors(changed(f"{RULE}/match/0/headers", {"cookie": "a=b"}))
    assert error.endswith("headers.cookie: would be all cookies of a request at once; name the one with 'cookie'")


def test_what_has_calls_gets_no_copies() -> None:
    config = changed(f"{RULE}/mirror", {"there": 10})
    assert errors(config) == (
        f'{shown(RULE)}.mirror.there: has 25% of the calls in stage "canary", and a copy would be a second call there; '
        "copies are for a destination that has none (without any: rules.canary.mirror: {})",
    )
    config["routes"]["details"]["rules"]["canary"] = {"mirror": {}}
    assert load(config).routes["details"].rule_in("canary").mirror == {}


def test_a_stage_has_the_rule_but_for_what_it_says_itself() -> None:
    route = load(changed(f"{RULE}/mirror", {"made": 5})).routes["details"]
    assert route.rule_in("canary") == route.rule
    assert route.rule_in("vm-only").mirror == {"made": 10}
    assert route.rule_in("vm-only").timeout == "2s"


def test_callers_of_any_namespace_of_the_mesh_match_where_the_route_is_for_all() -> None:
    config = changed("routes/details/callers", {})
    load(changed(f"{RULE}/match/0/namespaces", ["machines"], config))
    (error,) = errors(changed(f"{RULE}/match/0/namespaces", ["elsewhere"], config))
    assert 'there is no namespace in the mesh "elsewhere"' in error


# Revisions and roots


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("istio/revision", "revision"),
        ("istio/gateways", "revision"),
        ("istio/namespaces/shop", "revision"),
        ("vms/vm1/revision", "revision"),
    ],
)
def test_nobody_may_belong_to_a_revision_that_is_not_installed(path: str, kind: str) -> None:
    assert errors(changed(path, "nxt")) == (f'{shown(path)}: there is no {kind} "nxt"; did you mean "next"?',)


def test_a_revision_that_is_in_use_is_not_taken_away() -> None:
    found = errors(changed("istio/revisions", {"default": {}}))
    assert [error.split(": ")[0] for error in found] == [
        f"{PROJECT}:istio.gateways",
        f"{PROJECT}:istio.namespaces.shop",
        f"{PROJECT}:vms.vm1.revision",
    ]
    assert errors(changed("istio/revisions", {"next": {}})) == (
        f'{PROJECT}:istio.revision: there is no revision "default"; known: "next"',
    )


def test_only_namespaces_of_the_mesh_have_a_revision() -> None:
    assert errors(changed("istio/namespaces", {"shopp": "next"})) == (
        f'{PROJECT}:istio.namespaces.shopp: there is no namespace in the mesh "shopp"; did you mean "shop"?',
    )


def test_namespaces_have_the_meshs_revision_or_their_own() -> None:
    istio = load(FULL).istio
    assert (istio.revision_of("shop"), istio.revision_of("machines")) == ("next", "default")


def test_one_root_is_made_unless_there_is_a_ca() -> None:
    assert load(DEV).made_roots() == ("root",)
    assert load({**DEV, "roots": ["next", "root"]}).made_roots() == ("next", "root")
    assert load(changed("roots", REMOVED)).made_roots() == ()
    assert load(FULL).made_roots() == ("next",)


def test_a_root_is_named_once() -> None:
    assert errors({**DEV, "roots": ["root", "root"]}) == (
        f"{PROJECT}:roots[1]: is the same root as {PROJECT}:roots[0]",
    )


# Access and failover


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (
            "access/rules/detials",
            [],
            'there is no service in the application or on a VM "detials"; did you mean "details"?',
        ),
        ("access/rules/details/0/from/0", "ratngs", 'there is no VM or service "ratngs"; did you mean "ratings"?'),
        ("access/rules/details/0/from/0", "shop/", "must be a VM, a service, 'ingress'"),
        ("access/rules/details/0/methods/0", "get", "must be an HTTP method, such as GET"),
        ("access/rules/details/0/paths/0", "/a?b", "must be a path, without a query"),
        ("access/rules/details/0/paths/0", "/a/*/b", "must be a path, without a query"),
        ("access/rules/details/0/paths/0", "/a/{*}", "must be a path, without a query"),
        ("access/enforced/0", "elsewhere", 'there is no namespace in the mesh "elsewhere"; known: "machines", "shop"'),
        ("access/enforced", ["shop", "shop"], "is the same namespace as vm-mesh:access.enforced[0]"),
        ("access/operators/books", ["shop"], "must be 'user:' or 'group:' and a name"),
        ("access/operators/group:books/0", "elsewhere", 'there is no namespace in the mesh "elsewhere"'),
        ("routes/details/failover", "localty", 'must be a list, not "localty"'),
        ("routes/details/failover/0", "old", 'VM "old" does not run "details"'),
        ("routes/details/failover", ["made", "made"], "is the same destination as vm-mesh:routes.details.failover[0]"),
    ],
)
def test_access_and_failover_of_what_there_is_not(path: str, value: Any, error: str) -> None:
    (found,) = errors(changed(path, value))
    assert error in found


def test_a_caller_that_is_a_vm_and_a_service_is_asked_which() -> None:
    config = changed("vms/ratings", FULL["vms"]["old"])
    del config["vms"]["old"]
    assert errors(config) == (
        f"{PROJECT}:access.rules.details[0].from[0]: is a VM and a service; name the one that it is as "
        "'namespace/account'",
    )


def test_an_unknown_key_of_a_rule_is_told_with_the_nearest() -> None:
    assert errors(changed("access/rules/details/0/path", ["/"])) == (
        f'{PROJECT}:access.rules.details[0].path: unknown key; did you mean "paths"?',
    )


def test_nothing_is_limited_unless_the_config_says_so() -> None:
    settings = load(DEV)
    assert not settings.access
    assert policies(settings) == []
    assert failover_orders(settings, "details", "cluster1") == {}


def test_each_destination_is_the_first_of_its_own_order() -> None:
    settings = load(changed("routes/details/failover", ["cluster1", "cluster2", "vm1"], DEV))
    assert failover_orders(settings, "details", "cluster2") == {
        "vm1": ["vm1", "cluster1", "cluster2"],
        "cluster1": ["cluster1", "cluster2", "vm1"],
        "cluster2": ["cluster2", "cluster1", "vm1"],
    }


def test_the_nearest_takes_over_by_locality() -> None:
    settings = load(changed("routes/details/failover", "locality", DEV))
    assert failover_orders(settings, "details", "cluster2")["vm1"] == ["vm1", "cluster2", "cluster1"]
    assert failover_orders(settings, "details", "cluster1")["cluster2"] == ["cluster2", "cluster1", "vm1"]
    far = changed("routes/details/failover", "locality")
    assert failover_orders(load(far), "details", "there")["made"] == ["made", "there", "fleet", "vm1"]


# Extensions

IMAGE_OF_MODULE = f"oci://registry.example.com/filters/header@sha256:{64 * 'a'}"
MODULE = "must be oci://repository@sha256:digest, http(s)://host[:port]/path, or a path without spaces"


@pytest.mark.parametrize("module", ["filters/header.wasm", "~/header.wasm", "http://192.0.2.1:8080/header.wasm"])
def test_a_module_by_file_or_url_has_a_sum(module: str) -> None:
    extension = load(changed("extensions/header/module", module)).extensions["header"]
    assert extension.file == (None if "://" in module else module)
    (found,) = errors(changed("extensions/header", {"module": module}))
    assert found.startswith(f"{PROJECT}:extensions.header.sha256: is missing")


def test_an_image_has_its_digest_and_no_sum() -> None:
    assert load(changed("extensions/header", {"module": IMAGE_OF_MODULE})).extensions["header"].file is None
    (found,) = errors(changed("extensions/header", {"module": IMAGE_OF_MODULE, "sha256": 64 * "a"}))
    assert found.startswith(f"{PROJECT}:extensions.header.sha256: is of no use with an image")
    for module in ("oci://registry.example.com/header:1", "file:///header.wasm", "ftp://files.example.com/a", "a b"):
        found = errors(changed("extensions/header", {"module": module, "sha256": 64 * "a"}))
        assert any(error.startswith(f"{PROJECT}:extensions.header.module: {MODULE}, not ") for error in found)


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("sha256", 63 * "0", "must be a SHA-256 sum, 64 hexadecimal digits"),
        ("clusters", ["there", "mad"], 'there is no cluster "mad"; did you mean "made"?'),
        ("clusters", ["there", "there"], "is the same cluster as vm-mesh:extensions.header.clusters[0]"),
        (
            "workloads/services/0",
            "detials",
            'there is no service in the application "detials"; did you mean "details"?',
        ),
        ("workloads/vms/0", "vm2", 'there is no VM "vm2"; did you mean "vm1"?'),
        ("workloads/vms/0", "vm1", '"vm1" joins "made", which is none of the extension\'s clusters'),
        ("workloads/vms", ["fleet", "fleet"], "is the same VM as vm-mesh:extensions.header.workloads.vms[0]"),
        ("workloads", {}, "needs 'services', 'vms' or both; without 'workloads' it is for all"),
        ("config", {"a": None}, "config.a: must not be null; remove the key, or give it a value"),
    ],
)
def test_extensions_of_what_there_is_not(path: str, value: Any, error: str) -> None:
    (found,) = errors(changed(f"extensions/header/{path}", value))
    assert error in found


def test_a_service_that_no_cluster_of_the_extension_runs_is_no_workload() -> None:
    config = changed("extensions/header/workloads", {"services": ["ratings"]})
    assert errors(changed("extensions/header/clusters", ["made", "known"], config)) == (
        f'{PROJECT}:extensions.header.workloads.services[0]: "ratings" runs in none of the extension\'s clusters',
    )


def test_all_mistakes_of_extensions_are_told_at_once() -> None:
    wrong = {"module": "a.wasm", "workloads": {"services": ["detials"], "vms": ["vm2"]}, "clusters": ["mad"]}
    assert len(errors(changed("extensions/header", wrong))) == 4


# The management cluster, and clusters that take no part in the application


APART: dict[str, Any] = {
    **changed("clusters/apart", {"network": "network9", "application": False}, DEV),
    "management": {"cluster": "apart", "metrics": {}},
}


def test_a_cluster_may_take_no_part_in_the_application() -> None:
    settings = load(APART)
    assert settings.application_clusters() == ["cluster1", "cluster2"]
    assert settings.services_in("apart") == {}
    assert "apart" not in settings.ports("details")
    assert load(changed("routes/details/callers", {}, APART)).callers("details") == ["cluster1", "cluster2"]
    assert settings.namespaces_in("apart") == ["management"]
    assert settings.namespaces_in("cluster1") == ["default", "management", "virtual-machines"]
    assert load(changed("management", REMOVED, APART)).namespaces_in("apart") == []


@pytest.mark.parametrize(
    ("path", "value", "where", "error"),
    [
        (
            "routes/details/stages/canary",
            {"vm1": 75, "apart": 25},
            "routes/details/stages/canary/apart",
            "cluster \"apart\" has 'application: false', and so is no destination",
        ),
        (
            "routes/details/failover",
            ["apart"],
            "routes/details/failover/0",
            "cluster \"apart\" has 'application: false', and so is no destination",
        ),
        (
            "routes/details/callers/clusters",
            ["apart"],
            "routes/details/callers/clusters/0",
            "cluster \"apart\" has 'application: false'",
        ),
        ("vms/vm1/cluster", "apart", "vms/vm1/cluster", "cluster \"apart\" has 'application: false'"),
        (
            "clusters/apart/kind",
            {"ingressPort": 9},
            "clusters/apart/kind/ingressPort",
            "is of no use: \"apart\" has 'application: false', and so no ingress",
        ),
        ("clusters/apart/application", "no", "clusters/apart/application", 'must be true or false, not "no"'),
    ],
)
def test_nothing_of_the_application_is_where_it_is_not(path: str, value: Any, where: str, error: str) -> None:
    base = changed("routes/details/callers", {}, APART)
    assert errors(changed(path, value, base)) == (f"{shown(where)}: {error}",)


def test_services_and_extensions_are_not_where_the_application_is_not() -> None:
    own: dict[str, Any] = {"details": {"clusters": ["cluster1", "cluster2", "apart"], "versions": {"v1": {}}}}
    extension = {"module": f"oci://registry/x@sha256:{64 * '0'}", "clusters": ["apart"]}
    assert errors({**APART, "application": own, "extensions": {"header": extension}}) == (
        f"{PROJECT}:application.details.clusters[2]: cluster \"apart\" has 'application: false'",
        f"{PROJECT}:extensions.header.clusters[0]: cluster \"apart\" has 'application: false'",
    )


def test_some_cluster_runs_the_application() -> None:
    config = {"clusters": {"apart": {"network": "network9", "application": False}}}
    assert errors(config) == (
        f"{PROJECT}:clusters: every cluster has 'application: false'; at least one must run the application",
    )


@pytest.mark.parametrize(
    ("management", "where", "error"),
    [
        ({"cluster": "apat"}, ".cluster", 'there is no cluster "apat"; did you mean "apart"?'),
        ({"metrics": {}}, ".cluster", "is missing; name the cluster that keeps what is gathered"),
        (
            {"cluster": "apart", "metrics": {"retention": "2y"}},
            ".metrics.retention",
            'must be hours, days or weeks, such as 12h, 7d or 4w, not "2y"',
        ),
        (
            {"cluster": "apart", "metrics": {"interval": "soon"}},
            ".metrics.interval",
            'must be a duration such as 30s, 2m or 1h, not "soon"',
        ),
    ],
)
def test_what_is_kept_where(management: dict[str, Any], where: str, error: str) -> None:
    assert errors({**APART, "management": management}) == (f"{PROJECT}:management{where}: {error}",)


def test_the_management_cluster_exports_what_the_others_call() -> None:
    config = changed("mesh", {"discovery": "serviceEntries"}, APART)
    assert load(config).management.all_services() == {"prometheus": 9090}
    assert exporters(load(config)) == ["cluster1", "cluster2", "apart"]
    assert exporters(load(changed("management/metrics", REMOVED, config))) == ["cluster1", "cluster2"]
