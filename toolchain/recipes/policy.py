"""What starts the project's policy pack."""

from __future__ import annotations

from pathlib import Path

NAME = "analyzer-policy-vm-mesh"
VERSION = "1.0.0"

# The Python on PATH is that of the checkout whose pack it is. The CLI starts packs of a language through the language
# host's RunPlugin, which the host that is built from Go modules does not know; for a runtime without a host it starts
# this program instead, whichever host there is (sdk/go/common/resource/plugin/analyzer_plugin.go).
_STARTER = '#!/bin/sh\nexec python -m pulumi.policy "$1" "$2"\n'


def install(home: Path) -> None:
    """Puts the starter where Pulumi looks for plugins: one on PATH would draw a warning at every run."""
    folder = home / "plugins" / f"{NAME}-v{VERSION}"
    program = folder / f"pulumi-{NAME}"
    if program.exists() and program.read_text() == _STARTER:
        return
    folder.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(".new")
    fresh.write_text(_STARTER)
    fresh.chmod(0o755)
    fresh.replace(program)
