"""What the tests of the operator's machine and of clusters use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


ISTIOD = ("clusterz", "endpointShardz", "networkz")


def answers(programs: Programs, **kinds: Any) -> None:
    """A kubectl that has objects by their kinds, and what istiod answers by the last part of the path."""
    for kind, found in kinds.items():
        programs.write(kind, json.dumps(found if kind in ISTIOD else {"items": found}))
    programs.make(
        "kubectl",
        'shift; case $1 in exec) for path; do :; done; cat "$(dirname "$0")/${path##*/}" ;; '
        '*) cat "$(dirname "$0")/$2" ;; esac',
    )


def deployment(ready: int, tag: str = "1.31.0-abc") -> dict[str, Any]:
    return {
        "metadata": {"name": "istiod"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": f"host:5000/pilot:{tag}"}]}}},
        "status": {"readyReplicas": ready} if ready else {},
    }
