"""Pulumi's output is where it belongs, and Ctrl-C lets it end well."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from pulumi.automation import CommandError, ConcurrentUpdateError

from tests.unit.vmmesh.support import Programs
from vmmesh.engine import Engine

VERSION = '[ "$1" = version ] && echo v3.259.0 && exit'


def engine(programs: Programs, tmp_path: Path, does: str) -> Engine:
    programs.make("pulumi", f"{VERSION}\n{does}")
    return Engine(tmp_path / "up.log", {"MARK": "ours"})


def test_an_update_is_logged_and_marked(programs: Programs, tmp_path: Path) -> None:
    found = engine(programs, tmp_path, 'echo "updating $MARK"; echo warned >&2').run(["up", "--yes"], str(tmp_path), {})
    assert (tmp_path / "up.log").read_text() == "updating ours\nwarned\n"
    assert found.stdout == "updating ours\nwarned\n"
    assert programs.calls[-1] == "pulumi --non-interactive up --yes"


def test_what_is_read_is_in_no_log(programs: Programs, tmp_path: Path) -> None:
    found = engine(programs, tmp_path, "echo secret; echo warned >&2").run(["stack", "output"], str(tmp_path), {})
    assert (found.stdout, found.stderr) == ("secret", "warned")
    assert not (tmp_path / "up.log").exists()


def test_an_error_is_of_its_kind(programs: Programs, tmp_path: Path) -> None:
    failing = engine(programs, tmp_path, "echo 'error: the stack is currently locked by 1 lock(s)' >&2; exit 255")
    for command in ("up", "import"):
        with pytest.raises(ConcurrentUpdateError):
            failing.run([command], str(tmp_path), {})
    with pytest.raises(CommandError, match="broken"):
        engine(programs, tmp_path, "echo broken; exit 1").run(["up"], str(tmp_path), {})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_is_handed_on_and_the_end_awaited(
    programs: Programs, tmp_path: Path, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = "trap 'echo ended; exit 1' INT; touch ready; for i in $(seq 100); do sleep 0.05; done"
    running = engine(programs, tmp_path, waits)

    def stop() -> None:
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        running.run(["up"], str(tmp_path), {})
    assert (tmp_path / "up.log").read_text() == "ended\n"
    assert "comes to its end first" in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_what_does_not_end_after_a_second_ctrl_c_is_killed(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmmesh.engine._LAST_RESORT_SECONDS", 0.1)
    running = engine(programs, tmp_path, "trap 'touch asked' INT; touch ready; while :; do sleep 0.05; done")

    def stop() -> None:
        for file in ("ready", "asked"):
            while not (tmp_path / file).exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=stop).start()
    with pytest.raises(KeyboardInterrupt):
        running.run(["up"], str(tmp_path), {})
