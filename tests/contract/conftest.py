"""Fixtures of the contract tests."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.contract.project import Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("contract")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project for the tests of one module, which leaves nothing behind."""
    project = Project(tmp_path_factory.mktemp("project"))
    yield project
    project.destroy()


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """A tiny image with ``/bin/sleep``, made from this machine's own, so that no registry is asked."""
    sleep = shutil.which("sleep")
    if sleep is None or not sys.platform.startswith("linux"):
        yield "busybox:1.37"
        return
    linked = subprocess.run(["ldd", sleep], capture_output=True, text=True, check=False).stdout.split()
    libraries = [word for word in linked if word.startswith("/")]
    files = io.BytesIO()
    with tarfile.open(fileobj=files, mode="w", dereference=True) as archive:
        archive.add(sleep, "bin/sleep")
        for library in libraries:
            archive.add(library)
    name = f"localhost/vm-mesh-contract:{os.getpid()}"
    client: Any = docker.APIClient(version="auto")
    client.import_image_from_data(files.getvalue(), *name.split(":"))
    yield name
    client.remove_image(name, force=True)
    client.close()
