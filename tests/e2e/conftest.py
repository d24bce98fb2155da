"""The environment that all end-to-end tests share: made by ``make up`` in a copy of the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.environment import Environment, copy_of_checkout
from tests.e2e.evidence import failed_calls

STACK = os.environ.get("E2E_STACK", "e2e")
"""Another name, and other ports (E2E_PORT), let several runs work beside each other on a machine."""
PORT = int(os.environ.get("E2E_PORT", "18081"))
UNEVEN = {"vm1": 10, "cluster1": 30, "cluster2": 60}


def write_config(root: Path) -> None:
    """The talk's environment, beside one that a user may have running: other ports, and a stage of odd weights."""
    config = yaml.safe_load((root / "Pulumi.dev.yaml").read_text())["config"]
    for port, cluster in enumerate(config["vm-mesh:clusters"].values(), start=PORT):
        cluster["kind"]["ingressPort"] = port
    config["vm-mesh:routes"]["details"]["stages"]["uneven"] = UNEVEN
    (root / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": config}, sort_keys=False))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment, in the stage ``vm-only`` of its route ``details``.

    E2E_CHECKOUT names the copy of an environment that is up already, for work on the tests; it is left as it is.
    """
    kubeconfigs = tmp_path_factory.mktemp("kubeconfigs")
    if up_already := os.environ.get("E2E_CHECKOUT"):
        yield Environment(Path(up_already), STACK, kubeconfigs)
        return
    root = copy_of_checkout(tmp_path_factory.mktemp("checkout"))
    write_config(root)
    environment = Environment(root, STACK, kubeconfigs)
    try:
        environment.make("up")
        yield environment
    finally:
        environment.make("down")
    assert left_behind(root) == []


def left_behind(root: Path) -> list[str]:
    """Containers, networks and files of the environment."""
    found: list[str] = []
    # Without an engine (``make down`` stops one that ``make up`` has started) there is nothing in it.
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        for listed in (["ps", "--all", "--format", "{{.Names}}"], ["network", "ls", "--format", "{{.Name}}"]):
            names = subprocess.run(["docker", *listed], capture_output=True, text=True, check=True).stdout.split()
            found += [name for name in names if name.startswith(f"vm-mesh-{STACK}")]
    unwanted = {".state", ".kube"}
    return found + [path.name for path in root.iterdir() if path.name in unwanted]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Shows a failure when it happens: the run goes on, for hours maybe, and pytest itself tells at the end."""
    if report.failed:
        print(f"\n{report.longreprtext}", file=sys.stderr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failure what the proxies know of it; another time nobody could tell which hop has lost a call."""
    report = yield
    environment = next((value for value in item.funcargs.values() if isinstance(value, Environment)), None)
    if call.when == "call" and report.failed and environment:
        report.sections.append(("Calls that failed, by the proxies' logs", _told(environment, call.duration)))
    return report


def _told(environment: Environment, seconds: float) -> str:
    try:
        return failed_calls(environment, seconds)
    except (subprocess.CalledProcessError, AssertionError) as error:  # what has failed may be the mesh itself
        return f"not to be had: {error}"
