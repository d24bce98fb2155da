"""A stack of a recorded state, in a copy of the checkout, for a preview without the stack's own backend."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from toolchain.places import Checkout
from vmmesh.place import Place
from vmmesh.stack import Stack
from vmmesh.stackfile import SALT, Misuse

# Of the checkout's state, what a preview reads, and where it writes its log.
_NEEDED = ("artifacts.json", "bin", "charts", "istio-sidecar.deb", "logs")


@contextmanager
def recorded(place: Place, file: Path) -> Generator[Place]:
    """The stack as ``file``, written by ``pulumi stack export``, has it, in a backend of its own for a block.

    The checkout is not changed, nor is the stack's own backend asked. Raises Misuse if the file is of another stack.
    """
    export = _read(file, place.name)
    Checkout(place.root).logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vm-mesh-") as folder:
        copy = Checkout(Path(folder))
        copy.backend.mkdir(parents=True)
        for entry in place.root.iterdir():
            if entry.name not in (".git", ".state") and not entry.match("Pulumi.*.yaml"):
                (copy.root / entry.name).symlink_to(entry)
        for name in _NEEDED:
            (copy.state / name).symlink_to(Checkout(place.root).state / name)
        here = Place(root=copy.root, name=place.name, environment=lambda _root: _environment(place, copy))
        here.file.write(_with_salt(place.file.text, export["deployment"]))
        here.enter()
        Stack(here.root, here.name, "report", make=True).restore(export)
        yield here


def _environment(place: Place, copy: Checkout) -> Mapping[str, str]:
    return {**place.environment(place.root), "PULUMI_BACKEND_URL": f"file://{copy.backend}"}


def _read(file: Path, stack: str) -> dict[str, Any]:
    try:
        export = json.loads(file.read_bytes())
        urns = [resource["urn"] for resource in export["deployment"].get("resources") or ()]
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misuse(f"{file} is not a stack's state", "write one by `pulumi stack export --file`") from None
    if other := next((urn for urn in urns if not urn.startswith(f"urn:pulumi:{stack}::")), None):
        raise Misuse(f"{file} is the state of the stack {other.split(':')[2]}, not of {stack}")
    return export


def _with_salt(config: str, deployment: Mapping[str, Any]) -> str:
    """The config with the salt of the state's secrets, which a checkout that has not seen an update lacks."""
    provider: Mapping[str, Any] = deployment.get("secrets_providers") or {}
    salt = provider.get("state", {}).get("salt")
    if not salt or SALT in (yaml.safe_load(config) or {}):
        return config
    return f"{config.rstrip()}\n{SALT}: {salt}\n"
