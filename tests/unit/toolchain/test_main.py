"""The command line: exit codes, and no traceback where the user can do something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "VM_MESH_CACHE": str(cwd / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_problem_is_told_without_a_traceback(tmp_path: Path) -> None:
    with start("-m", "toolchain", "env", cwd=tmp_path) as process:
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert out == ""
    assert err.splitlines() == ["the tools and images are not there yet", "run `make tools`"]


def test_a_stack_that_is_not_there_is_told(tmp_path: Path) -> None:
    with start("-m", "toolchain", "ensure", "--stack", "nowhere", cwd=tmp_path) as process:
        _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "there is no stack nowhere" in err


# A run of which one step runs a program that would take long.
LONG = """
import sys
from pathlib import Path
import toolchain.ensure
from toolchain import graph
from toolchain.mirror import Mirror
from toolchain.recipe import Entry

def fill(work, folder):
    (folder / "half").touch()
    Path("child").write_text("started")
    work.run("sh", "-c", f"sleep 60; touch {Path.cwd()}/late")

def ensure(root, stack):
    shop = toolchain.ensure.open_shop(root, Mirror())
    with toolchain.ensure.Progress(shop.checkout.logs) as progress:
        graph.make([Entry(name="long", what="", version="1", ingredients=(), fill=fill)], shop, progress)

toolchain.ensure.ensure = ensure
sys.argv = ["toolchain", "ensure"]
from toolchain.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG)
    with start("long.py", cwd=tmp_path) as process:
        deadline = time.monotonic() + 20
        while not (tmp_path / "child").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert not (tmp_path / "cache" / "long").exists()
    assert list((tmp_path / "cache" / "drafts").iterdir()) == []
    assert subprocess.run(["pgrep", "-f", f"touch {tmp_path}/late"], check=False).returncode == 1
