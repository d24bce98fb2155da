"""API servers that do not answer: known within seconds, where the engine would wait for minutes and say nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components import kubeconfig
from settings import ExistingSettings, Settings
from toolchain.problem import Problem
from vmmesh.kubectl import Refused, Unreachable, kubectl, run, written
from vmmesh.mesh import each
from vmmesh.state import kubeconfig_digest, kubeconfigs

ANSWER_SECONDS = 5.0
WAIT_SECONDS = 120.0
"""How long an API server may take to come back. A node that starts has one after half a minute."""


def ask(file: Path) -> None:
    """Asks an API server whether it is ready. Raises Unreachable."""
    run(kubectl(file, "get", "--raw=/readyz"), ANSWER_SECONDS)


def silent(of: Mapping[str, str]) -> dict[str, Unreachable]:
    """Those of the clusters with these kubeconfigs that do not say that they are ready, and what was said instead.

    The Refused among them may well be ready: it is this user that they do not tell.
    """

    def asked(file: Path) -> Unreachable | None:
        try:
            ask(file)
        except Unreachable as error:
            return error
        return None

    with written(of) as files:
        return {name: error for name, error in zip(files, each(asked, files.values()), strict=True) if error}


def await_api_servers(state: Mapping[str, Any], settings: Settings, say: Callable[[str], None]) -> None:
    """Waits until the API servers of a stack's clusters answer, and says at once which do not.

    The ``state`` has its secrets. Clusters that the config has no more, or allows to be made anew, are not asked: to be
    rid of one that hangs must be possible. Raises Problem if one is silent for ``WAIT_SECONDS``.
    """
    known = kubeconfigs(state)
    asked = {name: known[name] for name in settings.clusters if name in known and name not in settings.allow_replace}
    deadline = time.monotonic() + WAIT_SECONDS
    late = _late(asked)
    for name, error in list(late.items()):
        what = f"{name}'s API server does not answer: {error}"
        existing = settings.clusters[name].existing
        if existing and (place := _renewed(state, name, existing)):
            say(f"{what}; going on with the kubeconfig that {place} has now")
            del late[name]
        else:
            say(f"{what}; waiting for it, at most {WAIT_SECONDS:.0f} s; Ctrl-C changes nothing")
    while late and time.monotonic() < deadline:
        time.sleep(1)
        late = _late({name: asked[name] for name in late})
    if late:
        said = "\n".join(f"  - {name}: {error}" for name, error in late.items())
        raise Problem(
            f"nothing was changed, for API servers have not answered for {WAIT_SECONDS:.0f} s:\n{said}",
            "does the cluster's node run (docker ps), and is there a way to it from here? `make doctor` looks at more; "
            "`make up` goes on with a node that was stopped or paused",
        )


def _renewed(state: Mapping[str, Any], name: str, existing: ExistingSettings) -> str | None:
    """Where the update may find another kubeconfig than the state's, by which the cluster does answer."""
    if existing.stack_reference:
        return existing.stack_reference
    try:
        now = kubeconfig.digest(Path(existing.kubeconfig).expanduser(), existing.context)
    except (OSError, kubeconfig.KubeconfigError):
        return None  # the update goes by the one that was read last
    return existing.kubeconfig if now != kubeconfig_digest(state, name) else None


def _late(asked: Mapping[str, str]) -> dict[str, Unreachable]:
    """Those that are silent. Where the user is refused, no wait helps: what the user lacks, the engine says."""
    return {name: error for name, error in silent(asked).items() if not isinstance(error, Refused)}
