"""The environment in which Pulumi, kubectl and the rest run for a checkout."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from toolchain import artifacts
from toolchain.places import Checkout, pulumi_home


def environment(root: Path, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables to set, over the ``inherited`` ones (by default our own), for the checkout at ``root``.

    Makes the folder of the file backend and the passphrase at first use. Raises ArtifactsMissing if the tools
    are not there yet.
    """
    inherited = os.environ if inherited is None else inherited
    checkout = Checkout(root.absolute())
    found = artifacts.load(root)
    variables = {
        "PATH": _first_on_path((str(checkout.commands), *found.path), inherited.get("PATH", os.defpath)),
        "PULUMI_HOME": str(pulumi_home()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if _chosen(inherited, "PULUMI_CREDENTIALS_PATH", checkout.logins):
        logins = Path(inherited["PULUMI_CREDENTIALS_PATH"])
    else:
        logins = checkout.logins
        variables["PULUMI_CREDENTIALS_PATH"] = str(logins)
    if not _chosen(inherited, "PULUMI_BACKEND_URL", checkout.backend):
        variables["PULUMI_BACKEND_URL"] = _backend(checkout, logins)
    if not inherited.get("PULUMI_CONFIG_PASSPHRASE") and not _chosen(
        inherited, "PULUMI_CONFIG_PASSPHRASE_FILE", checkout.passphrase
    ):
        _make_passphrase(checkout.passphrase)
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(checkout.passphrase)
    return variables


def _first_on_path(folders: tuple[str, ...], path: str) -> str:
    rest = [folder for folder in path.split(os.pathsep) if folder not in folders]
    return os.pathsep.join([*folders, *rest])


def _chosen(inherited: Mapping[str, str], name: str, default: Path) -> bool:
    """Whether the user set the variable: not to a default of ours, of this or of another checkout."""
    value = inherited.get(name, "")
    return bool(value) and not value.endswith(f"/{default.parent.name}/{default.name}")


def _backend(checkout: Checkout, logins: Path) -> str:
    """The file backend, or nothing where there is a login: Pulumi then takes that one.

    Its URL would pass for the user's own choice in what this environment is handed on to, another checkout say.
    """
    if _logged_in(logins):
        return ""
    checkout.backend.mkdir(parents=True, exist_ok=True)
    return f"file://{checkout.backend}"


def _logged_in(logins: Path) -> bool:
    """Whether ``pulumi login`` chose a backend."""
    try:
        return bool(json.loads((logins / "credentials.json").read_bytes()).get("current"))
    except (OSError, ValueError):
        return False


def _make_passphrase(file: Path) -> None:
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent) as draft:  # made with mode 0600
        draft.write(secrets.token_urlsafe(32))
        draft.flush()
        # Two first runs at once must agree on one passphrase: a link is made once, and whole.
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, file)
