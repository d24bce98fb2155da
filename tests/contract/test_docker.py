"""What pulumi-docker does with networks and containers."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import docker
import pytest
from docker.errors import NotFound

from tests.contract.project import SECRET, UNKNOWN, Json, Project, Run

Client: TypeAlias = Any
"""A ``docker.APIClient``, whose type stubs leave most of it open."""

EVERYWHERE = "0.0.0.0"  # noqa: S104

PRELUDE = """
import pulumi
import pulumi_docker as docker
from pulumi_command import local

def container(name, **inputs):
    mode = "bridge" if "networks_advanced" in inputs else "none"
    usual = {"name": f"PREFIX-{name}", "image": "IMAGE", "command": ["/bin/sleep", "3600"]}
    return docker.Container(name, **(usual | {"network_mode": mode} | inputs))

"""

FIRST = """
lan = docker.Network("lan", name="PREFIX-lan", driver="bridge",
    ipam_configs=[{"subnet": "10.213.77.0/24", "gateway": "10.213.77.1"}],
    labels=[{"label": "role", "value": "lan"}])
full = container("full",
    hostname="vm1", user="0", envs=["COLOR=red", "SIZE=1"], labels=[{"label": "role", "value": "vm"}],
    networks_advanced=[{"name": lan.name, "aliases": ["vm1.lan"], "ipv4_address": "10.213.77.9"}],
    capabilities={"adds": ["CAP_NET_RAW", "CAP_NET_ADMIN"], "drops": ["CAP_MKNOD"]},
    init=True, restart="unless-stopped", hosts=[{"host": "control", "ip": "10.0.0.1"}],
    ports=[{"internal": 8080}, {"internal": 53, "protocol": "udp", "ip": "127.0.0.1"}],
    mounts=[{"type": "tmpfs", "target": "/scratch"}], volumes=[{"containerPath": "/data"}],
    tmpfs={"/run": "size=1m"}, memory=64, dns=["10.213.77.1"], sysctls={"net.ipv4.ip_forward": "1"},
    healthcheck={"tests": ["CMD", "/bin/sleep", "0"], "interval": "5s", "retries": 2},
    stop_signal="SIGINT", stop_timeout=7, destroy_grace_seconds=1)
local.Command("knows", create=pulumi.Output.concat("echo ", full.network_datas[0].ip_address, " ", full.id))
local.Command("listens", create=full.ports.apply(
    lambda them: "".join(f"echo {it.external}" for it in them if it.internal == 8080)))
local.Command("mirrors", create=pulumi.Output.concat("echo ", full.hostname))
container("updated", memory=64, restart="no", destroy_grace_seconds=1)
container("replaced", envs=["COLOR=red"])
container("checked", healthcheck={"tests": ["CMD", "/bin/sleep", "0"], "interval": "5s"})
container("abbreviated", capabilities={"adds": ["NET_ADMIN"]})
docker.Container("autonamed", image="IMAGE", command=["/bin/sleep", "3600"])
container("stopped", envs=[pulumi.Output.secret("TOKEN=s3cr3t")])
container("may-stop", must_run=False)
container("vanished")
side = docker.Network("side", name="PREFIX-side", labels=[{"label": "version", "value": "1"}])
container("member", networks_advanced=[{"name": side.name}])
"""

SECOND = (
    FIRST.replace('memory=64, restart="no", destroy_grace_seconds=1', 'memory=32, restart="always"')
    .replace('"replaced", envs=["COLOR=red"]', '"replaced", envs=["COLOR=green"]')
    .replace('"interval": "5s"})', '"interval": "7s"})')
    .replace('"label": "version", "value": "1"', '"label": "version", "value": "2"')
)


@dataclass(frozen=True)
class Life:
    """Two versions of a program, with containers that stop or vanish between them, and the end of it all."""

    planned: Run
    first: Run
    made: dict[str, Json]
    """The state after the first version was applied."""
    seen: dict[str, Json]
    """What Docker knew then of each resource."""
    again: Run
    refreshed: Run
    found: dict[str, Json]
    """The state after the refresh."""
    second: Run
    changed: dict[str, Json]
    seen_changed: dict[str, Json]
    state: str
    destroyed: Run
    left: list[str]
    """What is still there in the end, of all that was there."""

    def outputs(self, name: str) -> Json:
        """A resource's outputs after the first version was applied."""
        return self.made[name]["outputs"]

    def kept(self, name: str) -> bool:
        """Whether the resource is the same one in both versions."""
        return self.made[name]["id"] == self.changed[name]["id"]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """The engine, past the plugin."""
    with contextlib.closing(docker.APIClient(version="auto")) as client:
        yield client


@pytest.fixture(scope="module")
def prefix(client: Client) -> Iterator[str]:
    """What all names of containers and networks begin with; what failed tests leave of them is removed."""
    prefix = f"contract-{secrets.token_hex(3)}"
    yield prefix
    for container in client.containers(all=True, filters={"name": prefix}):
        client.remove_container(container["Id"], force=True, v=True)
    for network in client.networks(names=[prefix]):
        client.remove_network(network["Id"])


@pytest.fixture(scope="module")
def life(project: Project, client: Client, prefix: str, image: str) -> Life:
    """Lives it, once for all tests."""
    first, second = (program(it, prefix, image) for it in (FIRST, SECOND))
    planned = project.preview(first)
    run = project.up(first)
    made = project.resources()
    seen = inspect(client, made)
    again = project.up(first)
    client.kill(f"{prefix}-stopped")
    client.kill(f"{prefix}-may-stop")
    client.remove_container(f"{prefix}-vanished", force=True)
    refreshed = project.refresh()
    found = project.resources()
    second_run = project.up(second)
    changed = project.resources()
    seen_changed = inspect(client, changed)
    state = project.state
    destroyed = project.destroy()
    volumes = {"volume": {"type": "volume", "id": mounted(seen["full"], "/data")["Name"]}}
    return Life(
        planned=planned,
        first=run,
        made=made,
        seen=seen,
        again=again,
        refreshed=refreshed,
        found=found,
        second=second_run,
        changed=changed,
        seen_changed=seen_changed,
        state=state,
        destroyed=destroyed,
        left=sorted({*inspect(client, made), *inspect(client, changed), *inspect(client, volumes)}),
    )


def program(text: str, prefix: str, image: str) -> str:
    """The program's whole text."""
    return (PRELUDE + text).replace("PREFIX", prefix).replace("IMAGE", image)


def inspect(client: Client, resources: dict[str, Json]) -> dict[str, Json]:
    """What Docker knows of the resources, of those that are there."""
    ask = {
        "Container": client.inspect_container,
        "Network": client.inspect_network,
        "volume": client.inspect_volume,
    }
    known: dict[str, Json] = {}
    for name, resource in resources.items():
        kind = resource["type"].rpartition(":")[2]
        with contextlib.suppress(NotFound):
            if kind in ask:
                known[name] = ask[kind](resource["id"])
    return known


def mounted(container: Json, path: str) -> Json:
    """The mount at a path of a container."""
    return next(mount for mount in container["Mounts"] if mount["Destination"] == path)


def test_all_runs_succeed(life: Life) -> None:
    runs = (life.planned, life.first, life.again, life.refreshed, life.second, life.destroyed)
    assert {run.returncode for run in runs} == {0}, [run.messages for run in runs]


def test_a_preview_knows_the_inputs_and_not_what_docker_chooses(life: Life) -> None:
    assert life.planned.inputs("mirrors")["create"] == "echo vm1"
    assert life.planned.inputs("knows")["create"] == UNKNOWN
    assert life.planned.inputs("listens")["create"] == UNKNOWN


def test_a_container_is_made_as_described(life: Life, prefix: str, image: str) -> None:
    found = life.seen["full"]
    config, host = found["Config"], found["HostConfig"]
    assert found["Name"] == f"/{prefix}-full"
    assert found["State"]["Running"]
    assert (config["Image"], config["Cmd"], config["User"]) == (image, ["/bin/sleep", "3600"], "0")
    assert (config["Hostname"], config["StopSignal"], config["StopTimeout"]) == ("vm1", "SIGINT", 7)
    assert {"COLOR=red", "SIZE=1"} <= set(config["Env"])
    assert config["Labels"] == {"role": "vm"}
    assert config["Healthcheck"] == {"Test": ["CMD", "/bin/sleep", "0"], "Interval": 5 * 10**9, "Retries": 2}
    assert host["CapAdd"] == ["CAP_NET_ADMIN", "CAP_NET_RAW"]
    assert host["CapDrop"] == ["CAP_MKNOD"]
    assert host["Init"] is True
    assert host["Privileged"] is False
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["Memory"] == 64 * 1024 * 1024
    assert host["ExtraHosts"] == ["control:10.0.0.1"]
    assert host["Tmpfs"] == {"/run": "size=1m"}
    assert host["Sysctls"] == {"net.ipv4.ip_forward": "1"}
    assert host["Dns"] == ["10.213.77.1"]
    assert mounted(found, "/scratch")["Type"] == "tmpfs"
    assert mounted(found, "/data")["Type"] == "volume"


def test_a_container_is_in_its_networks_only(life: Life, prefix: str) -> None:
    networks = life.seen["full"]["NetworkSettings"]["Networks"]
    assert set(networks) == {f"{prefix}-lan"}
    assert networks[f"{prefix}-lan"]["IPAddress"] == "10.213.77.9"
    assert "vm1.lan" in networks[f"{prefix}-lan"]["Aliases"]
    assert set(life.seen["autonamed"]["NetworkSettings"]["Networks"]) == {"bridge"}
    assert set(life.seen["replaced"]["NetworkSettings"]["Networks"]) == {"none"}


def test_a_container_tells_what_docker_chose(life: Life) -> None:
    outputs, found = life.outputs("full"), life.seen["full"]
    assert life.made["full"]["id"] == found["Id"]
    assert outputs["networkDatas"][0]["ipAddress"] == "10.213.77.9"
    assert outputs["networkDatas"][0]["ipPrefixLength"] == 24
    assert outputs["networkDatas"][0]["gateway"] == "10.213.77.1"
    ports = {(it["internal"], it["protocol"]): (it["ip"], it["external"]) for it in outputs["ports"]}
    bound = found["NetworkSettings"]["Ports"]
    assert ports == {
        (8080, "tcp"): (EVERYWHERE, int(bound["8080/tcp"][0]["HostPort"])),
        (53, "udp"): ("127.0.0.1", int(bound["53/udp"][0]["HostPort"])),
    }
    assert life.made["listens"]["outputs"]["stdout"] == str(ports[8080, "tcp"][1])
    assert not outputs.get("containerLogs")
    assert life.made["knows"]["outputs"]["stdout"] == f"10.213.77.9 {found['Id']}"


def test_a_network_is_made_as_described(life: Life, prefix: str) -> None:
    found = life.seen["lan"]
    assert (found["Name"], found["Driver"], found["Internal"]) == (f"{prefix}-lan", "bridge", False)
    assert found["IPAM"]["Config"] == [{"Subnet": "10.213.77.0/24", "Gateway": "10.213.77.1"}]
    assert found["Labels"] == {"role": "lan"}
    assert life.outputs("lan")["scope"] == "local"
    assert life.made["lan"]["id"] == found["Id"]


def test_a_name_is_made_up_where_there_is_none(life: Life) -> None:
    name = life.outputs("autonamed")["name"]
    assert re.fullmatch("autonamed-[0-9a-f]{7}", name)
    assert life.seen["autonamed"]["Name"] == f"/{name}"
    assert life.kept("autonamed")


def test_what_is_as_described_is_left_alone(life: Life) -> None:
    assert {step.name for step in life.again.steps if step.op != "same"} <= {"abbreviated"}
    assert life.kept("full")
    assert life.second.ops("full") == ["same"]


def test_capabilities_are_spelled_as_docker_does(life: Life) -> None:
    # Whether the difference to the program replaces the container is up to the plugin: better write CAP_.
    assert life.seen["abbreviated"]["HostConfig"]["CapAdd"] == ["CAP_NET_ADMIN"]


def test_a_refresh_forgets_what_vanished_and_sees_what_stopped(life: Life) -> None:
    assert "vanished" not in life.found
    assert life.found["stopped"]["outputs"]["mustRun"] is False
    assert life.found["stopped"]["outputs"]["exitCode"] == 137
    assert life.found["full"]["outputs"]["mustRun"] is True


def test_what_vanished_is_made_again(life: Life) -> None:
    assert life.second.ops("vanished") == ["create"]
    assert life.seen_changed["vanished"]["State"]["Running"]


def test_what_must_run_is_started_again(life: Life) -> None:
    assert life.second.ops("stopped") == ["update"]
    assert life.kept("stopped")
    assert life.seen_changed["stopped"]["State"]["Running"]


def test_what_may_stop_is_left_alone(life: Life) -> None:
    assert life.second.ops("may-stop") == ["same"]
    assert not life.seen_changed["may-stop"]["State"]["Running"]


def test_limits_and_restarts_change_in_place(life: Life) -> None:
    assert life.second.ops("updated") == ["update"]
    assert life.kept("updated")
    host = life.seen_changed["updated"]["HostConfig"]
    assert host["Memory"] == 32 * 1024 * 1024
    assert host["RestartPolicy"]["Name"] == "always"
    assert life.changed["updated"]["outputs"]["restart"] == "always"


def test_nearly_all_else_replaces_and_the_old_container_goes_first(life: Life) -> None:
    assert life.second.ops("replaced") == ["delete-replaced", "replace", "create-replacement"]
    assert not life.kept("replaced")
    assert "COLOR=green" in life.seen_changed["replaced"]["Config"]["Env"]
    assert life.second.ops("checked") == ["delete-replaced", "replace", "create-replacement"]
    assert life.seen_changed["checked"]["Config"]["Healthcheck"]["Interval"] == 7 * 10**9


def test_a_network_that_is_replaced_takes_its_containers_with_it(life: Life, prefix: str) -> None:
    assert life.second.ops("side")[0] == "delete-replaced"
    assert not life.kept("side")
    assert not life.kept("member")
    assert life.seen_changed["side"]["Labels"] == {"version": "2"}
    networks = life.seen_changed["member"]["NetworkSettings"]["Networks"]
    assert networks[f"{prefix}-side"]["NetworkID"] == life.changed["side"]["id"]


def test_secrets_are_encrypted(life: Life) -> None:
    assert "s3cr3t" not in life.state
    assert SECRET in str(life.changed["stopped"]["outputs"]["envs"])
    assert "TOKEN=s3cr3t" in life.seen_changed["stopped"]["Config"]["Env"]


def test_nothing_is_left(life: Life) -> None:
    assert life.left == []


def test_an_image_that_cannot_be_had_makes_no_container(project: Project, prefix: str) -> None:
    failed = project.fail(program('container("imageless")', prefix, "localhost:1/no/such:image"))
    why = "Unable to create container with image localhost:1/no/such:image"
    assert any(why in message for message in failed.messages), failed.messages
    assert project.resources() == {}


def test_a_container_that_cannot_start_stays_until_it_is_mended(
    project: Project, client: Client, prefix: str, image: str
) -> None:
    failed = project.fail(program('container("broken", command=["/no/such"])', prefix, image))
    assert any("Unable to start container" in message for message in failed.messages), failed.messages
    broken = project.resources()["broken"]
    assert broken["initErrors"]
    mended = project.up(program('container("broken")', prefix, image))
    assert mended.returncode == 0, mended.messages
    assert project.resources()["broken"]["id"] != broken["id"]
    assert inspect(client, {"broken": broken}) == {}
    assert project.up(program("", prefix, image)).ops("broken") == ["delete"]


def test_a_container_of_others_can_be_read(project: Project, client: Client, prefix: str, image: str) -> None:
    identity = client.create_container(image, ["/bin/sleep", "3600"], name=f"{prefix}-other")["Id"]
    got = project.up(program(f'docker.Container.get("other", {identity!r})', prefix, image))
    assert got.returncode == 0, got.messages
    assert project.resources()["other"]["outputs"]["name"] == f"{prefix}-other"
    assert project.up(program("", prefix, image)).returncode == 0
    assert client.inspect_container(identity)["Id"] == identity
