"""From config to settings: every mistake at once, in words that can be read."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from settings import KEYS, PROJECT, SettingsError, from_pulumi, load
from tests.unit.settings.support import (
    DEV,
    ENCRYPTED,
    FULL,
    NAME,
    REMOVED,
    are_readable,
    as_pulumi,
    changed,
    entries_at,
    errors,
    places,
    refusal_of,
    shown,
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


@pytest.mark.parametrize("path", ["clusters/made", "vms/vm1", "vms/vm1/probe", "routes/details/stages/canary/vm1"])
def test_name_given_twice(path: str) -> None:
    top, *_, name = path.split("/")
    texts = as_pulumi(FULL)
    entry = f"{json.dumps(name)}: {json.dumps(entries_at(FULL, path))}"
    twice = texts[f"{PROJECT}:{top}"].replace(entry, f"{entry}, {entry}")
    with pytest.raises(SettingsError) as refusal:
        from_pulumi({**texts, f"{PROJECT}:{top}": twice}, ENCRYPTED)
    assert refusal.value.errors == (f"{shown(path)}: is there more than once; give each its own name",)


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
    in_clear_text = "vm-mesh:caKey: is in clear text; set it anew with `pulumi config set --secret caKey`"
    with pytest.raises(SettingsError) as error:
        from_pulumi(as_pulumi(FULL), ())
    assert error.value.errors == (in_clear_text,)
    with pytest.raises(SettingsError) as error:
        from_pulumi(as_pulumi(changed("stages/details", "canry")), ())
    assert error.value.errors == (
        in_clear_text,
        'vm-mesh:stages.details: there is no stage "canry"; did you mean "canary"?',
    )
