"""Nothing is left, however little there was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vmmesh.support import CONFIG, Programs, state_with
from toolchain.artifacts import ArtifactsMissing
from toolchain.places import Checkout
from toolchain.problem import Problem
from vmmesh import down
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.stack import NoStack

SALT = "encryptionsalt: v1:x\n"
# An engine on which a container is left on the stack's network, until it is removed.
DOCKER = """
here=$(dirname "$0")
case "$*" in
info*) echo 28.0.0 ;;
"ps --all"*) [ -e "$here/removed" ] || cat "$here/containers" ;;
rm*) touch "$here/removed" ;;
"network rm"*) [ -e "$here/network" ] && echo "$3" ;;
esac
"""


class Fake:
    """A stack, and the toolchain, which note what is asked of them."""

    def __init__(self, place: Place, programs: Programs) -> None:
        self.place = place
        self.programs = programs
        self.there = True
        self.others: list[str] = []
        self.errors: list[Problem] = []
        self.log: list[str] = []

    def stack(self, *_arguments: object) -> Fake:
        if not self.there:
            raise NoStack("there is no stack")
        return self

    def export(self, *, secrets: bool) -> dict[str, Any]:
        assert secrets
        return state_with("cluster1")

    def destroy(self, _progress: object, environment: Mapping[str, str]) -> dict[str, int]:
        self.log.append(f"destroy {dict(environment)}")
        if self.errors:
            raise self.errors.pop()
        return {"delete": 5}

    def remove(self) -> None:
        self.log.append("remove")

    def stacks(self, _root: Path) -> list[str]:
        return self.others

    def ensure(self, _place: Place) -> None:
        self.log.append("ensure")

    def stop_engine(self, _place: Place) -> None:
        self.log.append("stop engine")


@pytest.fixture
def fake(tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Fake:
    place = Place(root=tmp_path, name="dev", environment=lambda _root: {})
    place.file.write(CONFIG + SALT)
    fake = Fake(place, programs)
    programs.make("docker", DOCKER)
    programs.make("kubectl", "echo ok")
    programs.write("containers", "")
    for name in ("Stack", "stacks"):
        monkeypatch.setattr(down, name, getattr(fake, name.lower()))
    monkeypatch.setattr(down.tools, "ensure", fake.ensure)
    monkeypatch.setattr(down.tools, "stop_engine", fake.stop_engine)
    return fake


def test_all_is_removed_but_the_config(fake: Fake) -> None:
    found = down.down(fake.place)
    assert fake.log == ["destroy {}", "remove", "stop engine"]
    assert found == {"stack": "dev", "removed": 5, "unreachable": [], "swept": [], "kept": []}
    assert fake.place.file.text == CONFIG
    assert not (fake.place.root / ".state").exists()


def test_a_login_stays_for_the_next_stack(fake: Fake) -> None:
    logins = Checkout(fake.place.root).logins
    logins.mkdir(parents=True)
    (logins / "credentials.json").write_text("{}")
    (logins.parent / "link").symlink_to(logins)
    down.down(fake.place)
    assert [*logins.parent.iterdir()] == [logins]
    assert (logins / "credentials.json").exists()


def test_a_second_time_there_is_nothing_to_do(fake: Fake) -> None:
    fake.there = False
    found = down.down(fake.place)
    assert fake.log == ["stop engine"]
    assert found["removed"] == 0
    assert not (fake.place.root / ".state").exists()


def test_where_tools_were_never_made_ready_none_are_now(fake: Fake) -> None:
    def missing(_root: Path) -> dict[str, str]:
        raise ArtifactsMissing("no tools")

    place = Place(root=fake.place.root, name="dev", environment=missing)
    assert down.down(place)["removed"] == 0
    assert fake.log == ["stop engine"]


def test_what_other_stacks_use_stays(fake: Fake) -> None:
    fake.others = ["dev", "team"]
    assert down.down(fake.place)["kept"] == ["team"]
    assert fake.log == ["destroy {}", "remove"]
    assert (fake.place.root / ".state").exists()


def test_a_cluster_that_is_gone_is_forgotten(fake: Fake) -> None:
    fake.programs.make("kubectl", "echo refused >&2; exit 1")
    assert down.down(fake.place)["unreachable"] == ["cluster1"]
    assert fake.log[0] == "destroy {'PULUMI_K8S_DELETE_UNREACHABLE': 'true'}"


@pytest.mark.parametrize(
    "said",
    [
        "error: You must be logged in to the server (Unauthorized)",
        "error: You must be logged in to the server (the server has asked for the client to provide credentials)",
        "Error from server (Forbidden): forbidden: User cannot get path /readyz",
        "Unable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
        "Unable to connect to the server: getting credentials: exec: executable aws not found\n\nLearn more",
    ],
)
def test_a_cluster_that_refuses_this_user_is_not_forgotten(fake: Fake, said: str) -> None:
    fake.programs.make("kubectl", f"echo '{said}' >&2; exit 1")
    with pytest.raises(Problem, match="nothing was removed") as problem:
        down.down(fake.place)
    assert f"\n  - cluster1: kubectl get --raw=/readyz: {said.splitlines()[0]}" in str(problem.value)
    assert problem.value.advice.startswith("log in")
    assert fake.log == []
    assert fake.place.file.text == CONFIG + SALT


def test_what_the_stack_does_not_know_is_swept(fake: Fake) -> None:
    fake.there = False
    fake.programs.write("containers", "vm-mesh-dev-vm1\nvm-mesh-dev-cluster1-control-plane\n")
    fake.programs.write("network", "")
    found = down.down(fake.place)
    assert found["swept"] == ["vm-mesh-dev-vm1", "vm-mesh-dev-cluster1-control-plane", "vm-mesh-dev"]
    names = "vm-mesh-dev-vm1 vm-mesh-dev-cluster1-control-plane"
    assert f"docker rm --force --volumes {names}" in fake.programs.calls


def test_a_stray_container_does_not_stop_the_rest(fake: Fake) -> None:
    fake.programs.write("containers", "stray")
    fake.errors = [Problem("network has active endpoints")]
    assert down.down(fake.place)["swept"] == ["stray"]
    assert fake.log[:3] == ["destroy {}", "destroy {}", "remove"]


def test_nothing_is_taken_from_a_run_that_is_at_work(fake: Fake) -> None:
    """A plain `pulumi up`, which takes Pulumi's lock alone."""
    fake.programs.write("containers", "vm-mesh-dev-vm1")
    fake.errors = [Held("another run is at work on this stack")]
    with pytest.raises(Held):
        down.down(fake.place)
    assert fake.log == ["destroy {}"]
    assert not [call for call in fake.programs.calls if call.startswith("docker rm")]


def test_what_cannot_be_removed_is_a_problem_and_the_stack_stays(fake: Fake) -> None:
    fake.errors = [Problem("forbidden")]
    with pytest.raises(Problem, match="forbidden"):
        down.down(fake.place)
    assert fake.log == ["destroy {}"]
    assert fake.place.file.text == CONFIG + SALT


def test_an_engine_that_rests_is_started_to_remove_its_containers(fake: Fake) -> None:
    fake.programs.make("docker", "exit 1")
    down.down(fake.place)
    assert fake.log[0] == "ensure"


def test_an_engine_that_runs_something_else_is_left_alone(fake: Fake) -> None:
    fake.programs.make("docker", 'case "$*" in "ps --quiet") echo 0123 ;; info*) echo 28 ;; esac')
    down.down(fake.place)
    assert "stop engine" not in fake.log
