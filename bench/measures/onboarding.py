"""A new VM: from the start of the machine to its first answer by mTLS, one and many at once."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO

from bench.result import Bar, Result, Series
from bench.session import Session, seconds
from bench.watching import wait_until
from settings import PROJECT
from tests.e2e.environment import ROOT, Environment
from tests.e2e.hosts import docker
from toolchain import artifacts
from vmmesh.stackfile import StackFile

_HOW = """\
Container VMs are added to the config and `make up` is run: it makes them, looks at them, installs the sidecar, joins
them and starts their service, all at once. On each machine a loop that begins with it calls details in the mesh twice a
second; under STRICT mTLS, by a name that only the mesh has, the first answer is one by mTLS. *Started to answer* is by
that machine's own clock, *make up* is the whole command. By hand: `bench/by_hand/join.sh`, which follows Istio's
"Virtual Machine Installation" for one machine after the other, with the same image and package, on the same mesh."""
# A date with parts of a second, once the mesh answers; asked for by the machine itself.
_LOOP = """\
until curl --silent --fail --max-time 1 --output /dev/null http://details.default.svc.cluster.local:9080/details/0
do sleep 0.5; done
date +%s.%N >/tmp/answered.new && mv /tmp/answered.new /tmp/answered"""
_NAME = "bench-vm{}"


def measure(session: Session) -> Result:
    environment = session.environment
    joined: dict[int, list[float]] = {}
    whole: dict[int, list[float]] = {}
    for count, rounds in ((1, 1), (3, 1)) if session.short else ((1, 5), (10, 2), (30, 1)):
        for turn in range(1, rounds + 1):
            with session.round("onboarding", f"{count} VMs by make up", turn, rounds):
                took, answered = _by_config(environment, count)
                whole.setdefault(count, []).append(took)
                joined.setdefault(count, []).extend(answered)
    hand_joined, hand_whole = _by_hand(session, session.times(10, 2))
    return _result(joined, whole, hand_joined, hand_whole)


def _result(
    joined: dict[int, list[float]], whole: dict[int, list[float]], hand_joined: list[float], hand_whole: list[float]
) -> Result:
    one, most = min(joined), max(joined)
    series = [
        *(Series(name=f"{_machines(count)}: started to answer", unit="s", values=joined[count]) for count in joined),
        *(Series(name=f"{_machines(count)}: make up", unit="s", values=whole[count]) for count in whole),
        Series(name="by hand: started to answer", unit="s", values=hand_joined, ours=False),
        Series(name="by hand: whole", unit="s", values=hand_whole, ours=False),
    ]
    found = Result(name="onboarding", title="a VM joins", how=_HOW, series=series)
    first = found[f"{_machines(one)}: started to answer"]
    together, alone = found[f"{_machines(most)}: make up"].median, found[f"{_machines(one)}: make up"].median
    by_hand = most * found["by hand: whole"].median
    bar = Bar(
        what="a VM's start to its first answer by mTLS, worst",
        aim=20,
        found=first.worst,
        unit="s",
        anchor="no product publishes one; the project's own",
    )
    note = (
        f"{_machines(most)} at once take {together / alone:.1f} times as long as one; by hand, one after the other, "
        f"they would take {by_hand:.0f} s, {by_hand / together:.1f} times as long as by one `make up`."
    )
    return replace(found, bars=[bar], notes=[note])


def _machines(count: int) -> str:
    return f"{count} VMs" if count > 1 else "1 VM"


def _by_config(environment: Environment, count: int) -> tuple[float, list[float]]:
    """Seconds of the whole ``make up``, and of each machine until the mesh answers it."""
    file = StackFile(environment.root, environment.stack)
    before = file.text
    names = [_NAME.format(number) for number in range(1, count + 1)]
    containers = [f"{PROJECT}-{environment.stack}-{name}" for name in names]
    try:
        with environment.edited() as config:
            vm = config[f"{PROJECT}:vms"]["vm1"]
            # A service of its own: that of vm1 has a route, which would change with every VM.
            service = {"bench": {"port": 9080, "command": "/usr/local/bin/details"}}
            config[f"{PROJECT}:vms"] |= {name: {**vm, "services": service} for name in names}
        with _calling(containers):
            took = seconds(lambda: environment.make("up"))
            found = [_answered(container) for container in containers]
    finally:
        file.write(before)
        environment.make("up")
        environment.forget_outputs()
    return took, found


@contextmanager
def _calling(containers: Sequence[str]) -> Generator[None]:
    """Begins the loop on every one of the machines as soon as it starts."""
    command = ["docker", "events", "--filter=type=container", "--filter=event=start"]

    def begin(events: IO[str]) -> None:
        for line in events:
            if line.strip() in containers:
                docker("exec", "--detach", line.strip(), "sh", "-c", _LOOP)

    words = [*command, "--format={{.Actor.Attributes.name}}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        thread = threading.Thread(target=begin, args=[process.stdout], daemon=True)
        thread.start()
        try:
            yield
        finally:
            process.terminate()
            thread.join()


def _answered(container: str) -> float:
    started = datetime.fromisoformat(docker("inspect", "--format={{.State.StartedAt}}", container))
    there = ["docker", "exec", container, "test", "-e", "/tmp/answered"]  # noqa: S108 # on the machine
    wait_until(lambda: subprocess.run(there, capture_output=True, check=False).returncode == 0, 0.2)
    return float(docker("exec", container, "cat", "/tmp/answered")) - started.timestamp()  # noqa: S108


def _by_hand(session: Session, count: int) -> tuple[list[float], list[float]]:
    """For each of so many machines, the seconds until the mesh answers it, and of the whole script."""
    environment = session.environment
    network = f"{PROJECT}-{environment.stack}"
    joined: list[float] = []
    whole: list[float] = []
    for turn in range(1, count + 1):
        name = f"bench-hand{turn}"
        try:
            with session.round("onboarding", "by hand", turn, count):
                whole.append(seconds(lambda name=name: joined.append(_join(environment, network, name))))
        finally:
            subprocess.run(["docker", "rm", "--force", f"{network}-{name}"], capture_output=True, check=False)
            kinds = f"workloadgroup/{name}", f"serviceaccount/{name}"
            environment.kubectl("cluster1", "delete", *kinds, "--namespace=virtual-machines", "--ignore-not-found")
    return joined, whole


def _join(environment: Environment, network: str, name: str) -> float:
    tools = artifacts.load(environment.root)
    node = f"{network}-cluster1-control-plane"
    variables = {
        "KUBECONFIG": str(environment.kubeconfig("cluster1")),
        "GATEWAY": docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", node),
        "NETWORK": network,
        "CONTAINER": f"{network}-{name}",
        "VM_IMAGE": tools.images["vm"],
        "SIDECAR": str(Path(environment.root, tools.sidecar_package.path).resolve()),
    }
    script = ["sh", str(ROOT / "bench/by_hand/join.sh"), name]
    found = {**os.environ, **environment.variables, **variables}
    done = subprocess.run(script, env=found, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)
