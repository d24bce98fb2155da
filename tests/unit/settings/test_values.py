"""Single values: what each must be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from settings import PROJECT, SettingsError, load
from tests.unit.settings.support import (
    CERTIFICATE,
    FULL,
    HOST_KEY,
    KEY,
    NAME,
    REMOVED,
    SECRET,
    are_readable,
    changed,
    entries_at,
    errors,
    places,
    refusal_of,
    shown,
)

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
NAMESPACE = "must be 1 to 63 lower-case letters, digits and '-', with no '-' at either end"
TAKEN = "must be none of istio-system, system and kube-*, which are taken"
HTTPS = "must be https://host[:port][/path]"
HTTP = "must be http(s)://host[:port][/path]"
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
    ("must be none of 15000 to 15099, which are the sidecar's", "vms/vm1/services/details/port", [15000, 15099]),
    ("must be none of 15000 to 15099, which are the sidecar's", "application/details/port", [15020]),
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
    *(
        (TAKEN, path, ["istio-system", "system", "kube-system"])
        for path in ("application/details/namespace", "vms/vm1/namespace", "routes/details/callers/namespaces/0")
    ),
    (
        "must be a lower-case DNS name",
        "mesh/trustDomain",
        ["Cluster.local", "spiffe://a", "a..b", ".a", "a."],
    ),
    ("must be a lower-case DNS name", "mesh/id", ["mesh 1"]),
    ("must be a repository of images, [host/]path", "istio/hub", ["https://a/istio", "a:tag", ""]),
    ("must be an image's tag", "istio/tag", ["1.31:0", "", "-1"]),
    ("must be a registry, host[:port][/path]", "mirror/images", ["/mirror", "https://a", "a:b"]),
    (HTTP, "mirror/charts", ["ftp://charts", "charts", "oci://registry.example.com/charts"]),
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
        ("application/details/clusters", []),
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


@pytest.mark.parametrize("retention", ["1h", "23h"])
def test_access_logs_are_kept_for_a_day_at_least(retention: str) -> None:
    path = "management/accessLogs/retention"
    assert errors(changed(path, retention)) == (f'{shown(path)}: must be at least 24h, not "{retention}"',)


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
