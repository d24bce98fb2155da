"""Kubeconfigs, as texts and objects."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

# What may be in a file of its own; relative paths begin at the kubeconfig's folder.
_FILES = ("certificate-authority", "client-certificate", "client-key")


class KubeconfigError(ValueError):
    """What should be a kubeconfig is none, or lacks the context. The message holds nothing of it but names."""


def selected(kubeconfig: Any, context: str) -> str:
    """The part of a kubeconfig that a context needs, as JSON (which is YAML), with that context as the current one.

    ``kubeconfig`` is text or an object, the two forms in which Pulumi programs export it: EKS's component exports an
    object, most others text. Raises KubeconfigError.
    """
    config = _parsed(kubeconfig)
    chosen = _named(config, "contexts", context).get("context")
    if not isinstance(chosen, dict):
        raise KubeconfigError(f"context '{context}' is empty")
    parts = cast("dict[str, Any]", chosen)
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [_named(config, "clusters", parts.get("cluster"))],
            "users": [_named(config, "users", parts.get("user"))],
            "contexts": [{"name": context, "context": parts}],
            "current-context": context,
        },
        # YAML knows dates, which tools that write kubeconfigs leave unquoted.
        default=str,
    )


def digest(path: Path, context: str) -> str:
    """Changes when what a context needs of a file does, or of the files that this names, and tells nothing of it.

    What tools note down for themselves is not needed: minikube's ``extensions`` have the time of its last start. Raises
    KubeconfigError, or OSError where a file is not there.
    """
    config = json.loads(selected(_read(path), context))
    entries: list[dict[str, Any]] = [config["clusters"][0].get("cluster") or {}, config["users"][0].get("user") or {}]
    for entry in (*entries, config["contexts"][0]["context"]):
        entry.pop("extensions", None)
    files = [path.parent / entry[kind] for entry in entries for kind in _FILES if entry.get(kind)]
    contents = [json.dumps(config, sort_keys=True).encode(), *(file.read_bytes() for file in files)]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]


def server(kubeconfig: str) -> str:
    """URL of the API server in a kubeconfig of one cluster."""
    return yaml.safe_load(kubeconfig)["clusters"][0]["cluster"]["server"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise KubeconfigError("is not in UTF-8") from None  # the cause would show some of it


def _parsed(kubeconfig: Any) -> Mapping[str, Any]:
    if isinstance(kubeconfig, str):
        try:
            kubeconfig = yaml.safe_load(kubeconfig)
        except yaml.YAMLError:
            raise KubeconfigError("is no YAML and no JSON") from None  # the cause would show some of it
    if not isinstance(kubeconfig, dict):
        raise KubeconfigError("is no kubeconfig, but empty or a single value")
    return cast("dict[str, Any]", kubeconfig)


def _named(config: Mapping[str, Any], kind: str, name: object) -> Mapping[str, Any]:
    listed: list[Mapping[str, Any]] = config.get(kind) or []
    for entry in listed:
        if entry.get("name") == name:
            return entry
    known = ", ".join(f"'{entry.get('name')}'" for entry in listed) or "none"
    raise KubeconfigError(f"has no '{name}' in its {kind}; it has {known}")
