"""Who reads standard error may go: whoever is in the midst of something goes on."""

from __future__ import annotations

import subprocess
import sys

WRITING = """
import sys
from pathlib import Path
from toolchain.console import errors
from toolchain.progress import Progress

sys.stdin.read()
with Progress(Path(sys.argv[1])) as progress:
    progress.say("going back")
    errors().print("further")
    print("in plain words", file=sys.stderr)
print("right")
"""


def test_a_pipe_that_nobody_reads_ends_nothing(tmp_path: object) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr
        process.stderr.close()
        process.stderr = None
        said, _ = process.communicate("", timeout=30)
    assert (said, process.returncode) == ("right\n", 0)
