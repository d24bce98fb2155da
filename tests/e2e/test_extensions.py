"""Extensions act at pods and on the VM, come and go without a lost call, and break none when they are broken."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.go import built
from tests.e2e.traffic import Stream

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).parent / "wasm"
PODS = "http://details.default.svc.cluster.local:9080/health"
VM = "http://details-vm1.virtual-machines.svc.cluster.local:9080/health"
HEADER = "x-vm-mesh-extension"
WORKLOADS = {"services": ["details"], "vms": ["vm1"]}
# Each thread of the VM's proxy has a module of its own, which panics once.
THREADS = os.cpu_count() or 1


class Files(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where modules are: the filter, its first half, and what is no module."""
    folder = tmp_path_factory.mktemp("wasm")
    module = folder / "filter.wasm"
    built(SOURCE, module, "-buildmode=c-shared", GOOS="wasip1", GOARCH="wasm")
    (folder / "half.wasm").write_bytes(module.read_bytes()[: module.stat().st_size // 2])
    (folder / "none.wasm").write_bytes(b"no module")
    return folder


@pytest.fixture(scope="module")
def site(running: Environment, folder: Path) -> Iterator[str]:
    """A web server on this machine, where containers reach it."""
    network = f"vm-mesh-{running.stack}"
    gateway = running.run("docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", network).strip()
    server = ThreadingHTTPServer((gateway, 0), partial(Files, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{gateway}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def extended(environment: Environment, extensions: dict[str, Any]) -> Generator[None]:
    """The environment with these extensions, and without any again."""
    apply(environment, extensions)
    try:
        yield
    finally:
        apply(environment, {})


def apply(environment: Environment, extensions: dict[str, Any]) -> None:
    with environment.edited() as config:
        config.pop("vm-mesh:extensions", None)
        if extensions:
            config["vm-mesh:extensions"] = extensions
    environment.up()


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def answers(environment: Environment, url: str, count: int = 10) -> set[str]:
    """What the VM's own calls are answered: status and header. Enough calls to reach the pods of both clusters."""
    call = f"curl -s -m 10 -o /dev/null -w '%{{http_code}} %header{{{HEADER}}}\\n' {url}"
    lines = environment.on_vm(f"for i in $(seq {count}); do {call}; done").splitlines()
    return {line.strip() for line in lines}


def answered(environment: Environment, *words: str) -> None:
    """The pods of both clusters and the VM answer so."""
    for url in (PODS, VM):
        assert answers(environment, url) == {" ".join(words)}


@pytest.mark.parametrize("source", ["url", pytest.param("file", marks=pytest.mark.long)])
def test_it_acts_at_pods_and_on_the_vm_and_comes_and_goes(
    running: Environment, folder: Path, site: str, source: str
) -> None:
    file = folder / "filter.wasm"
    module = f"{site}/{file.name}" if source == "url" else str(file)
    with extended(running, {"header": header(file, module, source)}):
        eventually(lambda: answered(running, "200", source))
        assert running.changes() == []
    eventually(lambda: answered(running, "200"))


@pytest.mark.long
def test_turning_it_on_and_off_loses_no_call(running: Environment, folder: Path) -> None:
    file = folder / "filter.wasm"
    with Stream(running.outputs["urls"]["cluster1"], rate=40) as stream:
        with extended(running, {"header": header(file, str(file), "on")}):
            eventually(lambda: answered(running, "200", "on"))
        eventually(lambda: answered(running, "200"))
    print(f"{dict(stream.results)} in {stream.seconds:.1f} s while the extension was turned on and off")
    assert set(stream.results) == {"200"}


def header(file: Path, module: str, value: str) -> dict[str, Any]:
    """The filter, which puts ``value`` into a header of the answers."""
    return {"module": module, "sha256": sha256(file), "config": {"value": value}, "workloads": WORKLOADS}


@pytest.mark.long
def test_a_module_that_does_not_work_breaks_no_call(running: Environment, folder: Path, site: str) -> None:
    """Each is new to the proxies, so that none has a version that works to fall back to."""
    whole = {"module": f"{site}/filter.wasm", "sha256": sha256(folder / "filter.wasm")}
    refused_by_agents = {
        "none": {"module": f"{site}/none.wasm", "sha256": sha256(folder / "none.wasm")},
        "other": {**whole, "sha256": 64 * "0"},
        "gone": {**whole, "module": f"{site}/gone.wasm"},
    }
    refused_by_envoy = {
        "half": {"module": f"{site}/half.wasm", "sha256": sha256(folder / "half.wasm")},
        "refuses": {**whole, "config": {"fault": "refuse"}},
    }
    try:
        assert lost_with(running, refused_by_agents) == 0
        assert lost_with(running, refused_by_envoy) == 0
        assert lost_with(running, {"panics": {**whole, "config": {"fault": "panic"}}}) <= THREADS
    finally:
        apply(running, {})
    eventually(lambda: answered(running, "200"))


def lost_with(environment: Environment, extensions: dict[str, dict[str, Any]]) -> int:
    """How many calls of the VM were lost while these were brought in, until pods and the VM answer all of them."""
    with Stream(environment.outputs["urls"]["cluster1"], rate=40) as stream:
        apply(environment, {name: {**it, "workloads": WORKLOADS} for name, it in extensions.items()})
        for name in extensions:
            eventually(partial(told, environment, name))
        eventually(lambda: answered(environment, "200"))
    print(f"{', '.join(extensions)}: {dict(stream.results)} in {stream.seconds:.1f} s")
    return stream.results.total() - stream.results["200"]


def told(environment: Environment, name: str) -> None:
    """The proxies of the VM and of a pod have the filter in their listeners."""
    ask = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_listeners")
    pod = environment.pod("cluster1", "app=details")
    assert f"virtual-machines.{name}.vm.vm1" in environment.on_vm(f"{' '.join(ask[:3])} '{ask[3]}'")
    assert f"default.{name}.details" in environment.kubectl("cluster1", "exec", pod, "-c", "istio-proxy", "--", *ask)
