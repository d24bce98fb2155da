"""The state of a mesh that has run, as previews are tested on it, without anything that was worth a secret.

``recorded.json`` has the resources of a ``pulumi stack export`` and the artifacts that the program had.
Keys, certificates and tokens are replaced by words that stand for them, the same everywhere, so that the
program still finds each value where it has put it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

FILE = Path(__file__).with_name("recorded.json")

Resource = dict[str, Any]

# When and from where a resource was declared, and what Kubernetes keeps for itself: no preview asks for it.
_IRRELEVANT = ("created", "modified", "sourcePosition", "stackTrace", "managedFields")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nrecorded\n-----END CERTIFICATE-----"
_WORTHLESS = [
    (re.compile(rf"-----BEGIN ({label})-----.+?-----END \1-----", re.DOTALL), word)
    for label, word in (
        ("CERTIFICATE", _CERTIFICATE),
        ("[A-Z ]*PRIVATE KEY", "-----BEGIN PRIVATE KEY-----\nrecorded\n-----END PRIVATE KEY-----"),
    )
] + [
    # A client refuses certificates that are none, so kubeconfigs do without; nothing listens on port 1.
    (re.compile(r"\bcertificate-authority-data: \S+"), "insecure-skip-tls-verify: true"),
    (re.compile(r"\bclient-certificate-data: \S+\n *client-key-data: \S+"), "token: recorded"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://127.0.0.1:1"),
    (re.compile(r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]+"), "recorded"),
]

# What the program makes of those words, of a cluster's certificate, its chain (that and the root), and the root.
_CA = re.compile(r'("vm-mesh/ca": ?)"[0-9a-f]{16}"')
_CA_DIGEST = sha256(f"{_CERTIFICATE}\n".encode() * 4).hexdigest()[:16]


def texts_replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """``value`` with every text replaced, those that are encoded in another text too."""

    def replaced(text: str) -> str:
        return _BASE64.sub(lambda match: _reencoded(match.group(), replaced), replace(text))

    match value:
        case str():
            return replaced(value)
        case {"plaintext": str(text)}:  # a secret: its JSON
            secret = cast(dict[str, Any], value)
            return {**secret, "plaintext": json.dumps(texts_replaced(json.loads(text), replace))}
        case dict():
            items = cast(dict[str, Any], value).items()
            return {key: texts_replaced(item, replace) for key, item in items}
        case list():
            return [texts_replaced(item, replace) for item in cast(list[Any], value)]
        case _:
            return value


def _reencoded(encoded: str, replace: Callable[[str], str]) -> str:
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return encoded
    return base64.b64encode(replace(text).encode()).decode()


def worthless(text: str) -> str:
    """``text`` without what opens anything."""
    for pattern, word in _WORTHLESS:
        text = pattern.sub(word, text)
    return text


def save(export: Mapping[str, Any], artifacts: Mapping[str, Any]) -> None:
    """Records the export of a stack with its secrets shown, made with these artifacts."""
    resources = [texts_replaced(_relevant(it), worthless) for it in export["deployment"]["resources"]]
    lines = ",\n".join(json.dumps(resource, separators=(",", ":")) for resource in resources)
    lines = _CA.sub(rf'\1"{_CA_DIGEST}"', lines)
    # The folders of PATH are this machine's.
    tools = json.dumps({**artifacts, "path": []}, indent=1)
    FILE.write_text(f'{{"artifacts": {tools},\n"resources": [\n{lines}\n]}}\n')


def load() -> tuple[list[Resource], dict[str, Any]]:
    """The resources and the artifacts that were recorded."""
    recorded = json.loads(FILE.read_text())
    return recorded["resources"], recorded["artifacts"]


def at_stage(resources: list[Resource], service: str, stage: str, weights: Mapping[str, int]) -> list[Resource]:
    """The resources of the same mesh, had it last been updated to another stage of a route."""

    def moved(value: Any, name: str) -> Any:
        match value:
            case {"destination": {"host": str(host), **subset}, "weight": _}:
                destination = subset.get("subset", host.split(".")[0].removeprefix(f"{service}-"))
                return {**cast(Resource, value), "weight": weights.get(cast(str, destination), 0)}
            case {"stages": dict()}:
                return {**cast(Resource, value), "stages": {**value["stages"], service: stage}}
            case dict():
                return {key: moved(item, key) for key, item in cast(Resource, value).items()}
            case list():
                return [moved(item, name) for item in cast(list[Any], value)]
            case _:
                return value

    concerned = re.compile(rf"::{re.escape(service)}-[^:]+-weights$|::pulumi:pulumi:Stack::")
    return [moved(it, "") if concerned.search(it["urn"]) else it for it in resources]


def _relevant(value: Any) -> Any:
    match value:
        case dict():
            items = cast(dict[str, Any], value).items()
            return {key: _relevant(item) for key, item in items if key not in _IRRELEVANT}
        case list():
            return [_relevant(item) for item in cast(list[Any], value)]
        case _:
            return value
