"""The user's own checks of a gate: a command, or a URL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx

from settings import CheckSettings
from vmmesh.routes import Route

SECONDS = 30.0
"""How long a check may take."""


def failures(checks: Mapping[str, CheckSettings], route: Route, root: Path) -> list[str]:
    """What is wrong by the checks, each made once; a command gets to know service and stage."""
    found = (
        (name, _command(check.command, route, root) if check.command else _url(check)) for name, check in checks.items()
    )
    return [f"the check {name} {wrong}" for name, wrong in found if wrong]


def _command(command: str, route: Route, root: Path) -> str | None:
    variables = {**os.environ, "VM_MESH_SERVICE": route.service, "VM_MESH_STAGE": route.stage}
    try:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=root,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"did not end in {SECONDS:.0f} s"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    return f"ended with code {done.returncode}{''.join(f': {line}' for line in said)}" if done.returncode else None


def _url(check: CheckSettings) -> str | None:
    assert check.url
    try:
        answer = httpx.get(check.url, timeout=SECONDS)
    except httpx.HTTPError as error:
        return f"had no answer: {error or type(error).__name__}"
    return None if answer.is_success else f"was answered with {answer.status_code}"
