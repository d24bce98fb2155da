"""The project's own Python, without which nothing starts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_is_missing_is_told_and_nothing_else_is_tried() -> None:
    environment = os.environ | {"PYTHON": "/no/python3"}
    done = subprocess.run(
        ["bin/vmmesh", "status"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "Python 3.11 or newer is needed: install it, or name it in PYTHON\n"
