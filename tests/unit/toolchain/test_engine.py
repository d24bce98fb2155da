"""An engine that was started is known again for certain, and what a crash left behind misleads nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import asdict, replace
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolchain.cache import Cache
from toolchain.commands import Commands
from toolchain.engine import WRAPPER, Engine, Started, grants_sys_resource
from toolchain.problem import Problem

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an engine is started on Linux only")


@pytest.fixture
def process() -> Generator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as running:
        yield running
        running.kill()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a ``docker`` that says what is in the file ``says``."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "says").touch()
    (folder / "docker").write_text(f"#!/bin/sh\ncat {folder}/says\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return folder


def engine(tmp_path: Path, started: Started | None) -> Engine:
    folder = tmp_path / "cache" / "engine"
    folder.mkdir(parents=True)
    if started:
        (folder / "started.json").write_text(json.dumps(asdict(started)))
    return Engine(Cache(tmp_path / "cache"), Commands())


def test_a_process_is_known_by_more_than_its_id(process: subprocess.Popen[bytes]) -> None:
    started = Started.of(process.pid)
    assert started
    assert started.runs()
    assert not replace(started, start_time=started.start_time + 1).runs()
    assert not replace(started, boot="another").runs()
    process.kill()
    process.wait()
    assert not started.runs()


# It is meant to outlive who starts it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_proxy_that_ends_when_it_has_no_more_files_is_between_a_port_and_its_container(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools / "dockerd").write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tools}/words\necho 28.2.2 >{tools}/says\nexec sleep 60\n"
    )
    (tools / "dockerd").chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("toolchain.engine.CONTAINERD", tmp_path / "containerd.sock")
    under_test = engine(tmp_path, None)
    under_test.start(tmp_path / "log")
    (tools / "says").write_text("")
    assert under_test.stop() == "the engine is stopped"
    assert "--userland-proxy=false" in (tools / "words").read_text().split()


def test_stop_ends_the_engine(tmp_path: Path, tools: Path, process: subprocess.Popen[bytes]) -> None:
    (tools / "says").write_text("")
    assert engine(tmp_path, Started.of(process.pid)).stop() == "the engine is stopped"
    assert process.wait(5) < 0
    assert not (tmp_path / "cache" / "engine" / "started.json").exists()


def test_stop_leaves_a_process_alone_that_has_the_id_by_chance(
    tmp_path: Path, process: subprocess.Popen[bytes]
) -> None:
    started = Started.of(process.pid)
    assert started
    old = replace(started, start_time=started.start_time - 100)
    assert engine(tmp_path, old).stop() == "no engine was started here"
    assert process.poll() is None


@pytest.mark.usefixtures("tools")
def test_stop_without_an_engine(tmp_path: Path) -> None:
    assert engine(tmp_path, None).stop() == "no engine was started here"


def test_stop_leaves_an_engine_alone_that_runs_containers(
    tmp_path: Path, tools: Path, process: subprocess.Popen[bytes]
) -> None:
    (tools / "says").write_text("cluster1-control-plane\nvm1\n")
    with pytest.raises(Problem, match="cluster1-control-plane vm1"):
        engine(tmp_path, Started.of(process.pid)).stop()
    assert process.poll() is None


def test_an_engine_that_refuses_the_user_is_not_replaced(tmp_path: Path, tools: Path) -> None:
    (tools / "docker").write_text("#!/bin/sh\necho permission denied >&2; exit 1\n")
    with pytest.raises(Problem, match="does not let this user in"):
        engine(tmp_path, None).answers()


@pytest.mark.parametrize("host", ["tcp://engine.example:2376", "unix:///elsewhere.sock"])
@pytest.mark.usefixtures("tools")
def test_the_users_engine_is_not_replaced(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(Problem, match=host):
        engine(tmp_path, None).startable()


def test_the_users_context_is_not_replaced(tmp_path: Path, tools: Path) -> None:
    (tools / "says").write_text("colima\n")
    with pytest.raises(Problem, match="context colima"):
        engine(tmp_path, None).startable()


@pytest.mark.parametrize(("mask", "granted"), [("000001ffffffffff", True), ("000001fffeffffff", False)])
def test_what_the_machine_grants(mask: str, granted: bool, tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tpython\nCapEff:\t0\nCapBnd:\t{mask}\n")
    assert grants_sys_resource(status) is granted


@pytest.fixture
def runtime() -> ModuleType:
    spec = spec_from_loader("runc_granted", SourceFileLoader("runc_granted", str(WRAPPER)))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CAPABILITIES = {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": None}


@pytest.mark.parametrize(
    ("arguments", "file", "inside"),
    [
        (["--root", "exec", "create", "--bundle", "BUNDLE", "name"], "config.json", True),
        (["--log=x", "run", "-b=BUNDLE", "name"], "config.json", True),
        (["--systemd-cgroup", "exec", "--process", "BUNDLE/process.json", "name"], "process.json", False),
    ],
)
def test_the_runtime_asks_for_what_is_granted(
    arguments: list[str],
    file: str,
    inside: bool,
    tmp_path: Path,
    runtime: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process: dict[str, Any] = {"capabilities": CAPABILITIES, "oomScoreAdj": -999, "args": ["sh"]}
    (tmp_path / file).write_text(json.dumps({"process": process} if inside else process))
    given = [argument.replace("BUNDLE", str(tmp_path)) for argument in arguments]
    called: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["runc-granted", *given])

    def execute(_program: str, words: list[str]) -> None:
        called.append(words)

    monkeypatch.setattr(os, "execv", execute)

    runtime.main()

    written = json.loads((tmp_path / file).read_text())
    changed = written["process"] if inside else written
    assert changed["capabilities"] == {"bounding": ["CAP_CHOWN"], "ambient": None}
    assert changed["oomScoreAdj"] == 0
    assert changed["args"] == ["sh"]
    assert called == [["runc", *given]]
