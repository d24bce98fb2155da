"""Programs of the tests in Go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def built(source: Path, target: Path, *options: str, **variables: str) -> None:
    """Builds what is in the folder ``source``, for a machine that ``variables`` tell."""
    command = ["go", "build", "-trimpath", *options, "-ldflags=-s -w", "-o", str(target), "."]
    environment = {**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false", "GOWORK": "off", **variables}
    subprocess.run(command, cwd=source, env=environment, check=True)
