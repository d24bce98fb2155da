"""Kubeconfigs in the forms in which other programs export them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from components.kubeconfig import KubeconfigError, selected, server
from tests.unit.components.program import kubeconfig

GIVEN = kubeconfig("there")


@pytest.mark.parametrize("given", [GIVEN, json.dumps(GIVEN), yaml.safe_dump(GIVEN)], ids=["object", "JSON", "YAML"])
def test_the_context_and_what_it_needs_are_taken(given: Any) -> None:
    more = {"name": "else", "cluster": {"server": "https://else.example.com"}}
    if isinstance(given, dict):
        given = {**GIVEN, "clusters": [more, *GIVEN["clusters"]]}
    taken = json.loads(selected(given, "there"))
    assert taken["current-context"] == "there"
    assert [it["name"] for kind in ("contexts", "clusters", "users") for it in taken[kind]] == ["there"] * 3
    assert server(selected(given, "there")) == "https://there.example.com:6443"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "is no kubeconfig"),
        (7, "is no kubeconfig"),
        (["confidential"], "is no kubeconfig"),
        ("confidential: [", "is no YAML and no JSON"),
        ({}, "has no 'there' in its contexts; it has none"),
        ({**GIVEN, "users": []}, "has no 'there' in its users; it has none"),
        ({**GIVEN, "clusters": None}, "has no 'there' in its clusters; it has none"),
        ({**GIVEN, "contexts": [{"name": "there"}]}, "context 'there' is empty"),
    ],
)
def test_what_is_wrong_is_said_without_showing_any_of_it(given: Any, why: str) -> None:
    with pytest.raises(KubeconfigError, match=why) as refusal:
        selected(given, "there")
    assert "confidential" not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
