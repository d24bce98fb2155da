"""Kubeconfigs in the forms in which other programs export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.kubeconfig import KubeconfigError, digest, selected, server
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


def test_a_digest_is_of_all_that_the_context_needs(tmp_path: Path) -> None:
    file, given = tmp_path / "config", {**GIVEN, "users": [{"name": "there", "user": {"client-certificate": "my.crt"}}]}
    (tmp_path / "my.crt").write_text("first")
    file.write_text(json.dumps(given))
    before = digest(file, "there")
    more = {"name": "else", "user": {"token": "confidential"}}
    file.write_text(yaml.safe_dump({**given, "users": [more, *given["users"]], "current-context": "there"}))
    assert digest(file, "there") == before
    (tmp_path / "my.crt").write_text("second")
    assert digest(file, "there") != before


def test_what_a_tool_notes_down_for_itself_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "config"
    found: set[str] = set()
    for update in ("2026-11-29", "2026-11-30"):
        given = json.loads(json.dumps(GIVEN))
        given["clusters"][0]["cluster"]["extensions"] = [{"name": "cluster_info", "extension": {"last-update": update}}]
        given["contexts"][0]["context"]["extensions"] = [{"name": "context_info", "extension": {"last-update": update}}]
        file.write_text(yaml.safe_dump(given).replace(f"'{update}'", update))  # unquoted, a date to YAML
        found.add(digest(file, "there"))
    file.write_text(json.dumps(GIVEN))
    assert found == {digest(file, "there")}


def test_there_is_none_of_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        digest(tmp_path / "config", "there")
    (tmp_path / "config").write_text(json.dumps(GIVEN))
    with pytest.raises(KubeconfigError):
        digest(tmp_path / "config", "elsewhere")
    (tmp_path / "config").write_bytes("name: Zoë".encode("latin-1"))
    with pytest.raises(KubeconfigError, match="is not in UTF-8"):
        digest(tmp_path / "config", "there")
