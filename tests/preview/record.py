"""Records the state of a running mesh for the previews of these tests.

To be done whenever the program declares something else than it did: from the checkout's root, when
``make up`` has just brought up stack ``dev``::

    "$(sh toolchain/venv.sh)/bin/python" -m tests.preview.record

It reads the stack and changes nothing. What it writes holds no secret; ``git diff`` shows what is new.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.preview import recording
from toolchain import artifacts
from toolchain.environment import environment

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Writes ``recorded.json``. Raises CalledProcessError if the stack is not as its config says."""
    found = {**os.environ, **environment(ROOT)}

    def pulumi(*arguments: str) -> bytes:
        command = ["pulumi", "--stack", "dev", "--non-interactive", *arguments]
        return subprocess.run(command, cwd=ROOT, env=found, check=True, stdout=subprocess.PIPE).stdout

    pulumi("preview", "--expect-no-changes")
    export = json.loads(pulumi("stack", "export", "--show-secrets"))
    recording.save(export, asdict(artifacts.load(ROOT)))
    sys.stdout.write(f"{len(export['deployment']['resources'])} resources in {recording.FILE}\n")


if __name__ == "__main__":
    main()
