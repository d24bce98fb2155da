"""What the tests of the operator's machine use."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.vmmesh.support import CONFIG, Programs
from vmmesh.doctor.finding import Said
from vmmesh.doctor.operator import Operator
from vmmesh.stackfile import load

INFO = {"ServerVersion": "20.10", "DockerRootDir": "/"}


def operator(tmp_path: Path, config: str = CONFIG) -> Operator:
    return Operator(root=tmp_path, name="dev", settings=load(config, "Pulumi.dev.yaml"))


def only(said: list[Said]) -> Said:
    (found,) = said
    return found


def engine(programs: Programs, *containers: str) -> None:
    """A docker that answers, and runs ``containers``: name, ports, cluster of kind."""
    programs.write("info", json.dumps(INFO))
    programs.write("ps", "".join(f"{line}\n" for line in containers))
    programs.make("docker", 'case $1 in info | ps) cat "$(dirname "$0")/$1" ;; *) exit 1 ;; esac')
