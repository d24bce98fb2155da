"""Real machines by SSH, for their whole life: they join, serve, reboot, sleep past their certificate, and leave."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.environment import Environment, eventually
from tests.e2e.hosts import TOKEN, Host, docker, hosts
from tests.e2e.traffic import Stream, new_ids, send

pytestmark = pytest.mark.e2e

VM = "fleet"
CAPTURE = {"excludeOutboundPorts": [3306], "excludeOutboundCIDRs": ["198.51.100.0/24"]}
# What the bootstrap brings, and leave takes away; the packages that the sidecar needs stay.
PLACES = (
    "/etc/istio /etc/certs /var/lib/istio /var/log/istio /var/lib/vm-mesh /var/cache/vm-mesh /usr/local/lib/vm-mesh "
    "/run/secrets/tokens /etc/systemd/system/istio.service.d /lib/systemd/system/istio.service /usr/local/bin"
)


@pytest.fixture(scope="module")
def machines(running: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    with hosts(running, tmp_path_factory.mktemp("hosts"), "host1", "host2") as found:
        yield found


def state_of(host: Host) -> dict[str, str]:
    """What a machine is like, as far as the mesh could change it."""
    return {
        "rules": host.run("(iptables-save; iptables-legacy-save) 2>/dev/null | grep -e '^-A.*ISTIO' -e 'zone' || :"),
        "users": host.run("cut -d: -f1 /etc/passwd /etc/group | sort"),
        "resolver": host.run("cat /etc/resolv.conf /etc/hosts"),
        "files": host.run(f"find {PLACES} 2>/dev/null | sort"),
        "units": host.run("systemctl list-unit-files --no-legend --type=service | awk '{print $1, $2}'"),
    }


@pytest.fixture(scope="module")
def before(machines: list[Host]) -> dict[str, dict[str, str]]:
    return {host.name: state_of(host) for host in machines}


@pytest.fixture(scope="module")
def fleet(running: Environment, machines: list[Host], before: dict[str, dict[str, str]]) -> Iterator[list[Host]]:
    """Both machines in the mesh as one VM, the second by way of the first; and a stage that calls it."""
    assert before
    first, second = machines
    with running.edited() as config:
        config["vm-mesh:vms"][VM] = {
            "cluster": "cluster1",
            "machines": {"host1": {"host": first.settings()}, "host2": {"host": second.settings(jump=first)}},
            "services": {"details": {"port": 9080}},
            "probe": {"tcp": {"port": 9080}},
            "capture": CAPTURE,
        }
        config["vm-mesh:routes"]["details"]["stages"][VM] = {VM: 100}
    try:
        started = time.monotonic()
        running.make("up")
        print(f"two hosts joined in {time.monotonic() - started:.0f} s, all of make up")
        running.forget_outputs()
        yield machines
    finally:
        with running.edited() as config:
            config["vm-mesh:vms"].pop(VM, None)
            config["vm-mesh:routes"]["details"]["stages"].pop(VM, None)
        running.make("up", "GONE=host1 host2")
        running.forget_outputs()


def serves(environment: Environment) -> None:
    assert send(environment.outputs["urls"]["cluster1"], new_ids(10)) == {"200": 10}


def calls_of(host: Host) -> int:
    """Calls of details that the machine's sidecar has taken in."""
    stats = host.run("pilot-agent request GET 'stats?filter=cluster.inbound.*upstream_rq_total' 2>/dev/null")
    return sum(int(line.rpartition(" ")[2]) for line in stats.splitlines())


def test_a_host_with_another_key_is_not_spoken_to(running: Environment, machines: list[Host]) -> None:
    other = machines[1].key.replace(" ", ":")
    words = [f"address={machines[0].address}", "user=admin", f"key={other}", f"identity={machines[0].identity}"]
    done = subprocess.run(
        ["sh", "bootstrap/ssh.sh", *words, "port=22", "--", "true"],
        cwd=running.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 255
    assert "ssh-keyscan" in done.stderr


def test_machines_of_a_vm_share_its_calls(running: Environment, fleet: list[Host]) -> None:
    with running.in_stage(VM):
        counted = Counter({host.name: -calls_of(host) for host in fleet})

        def settled() -> None:
            serves(running)
            assert all(calls_of(host) + counted[host.name] for host in fleet)

        eventually(settled)
        counted = Counter({host.name: -calls_of(host) for host in fleet})
        assert send(running.outputs["urls"]["cluster1"], new_ids(1000)) == {"200": 1000}
        counted.update({host.name: calls_of(host) for host in fleet})
    print(dict(counted))
    assert counted.total() == 1000
    assert min(counted.values()) > 400


def test_a_vm_that_is_called_is_not_let_go(running: Environment, fleet: list[Host]) -> None:
    """Not even by an edit that moves its calls elsewhere: for a moment, callers would go on to who is leaving."""
    file = running.root / f"Pulumi.{running.stack}.yaml"
    with running.in_stage(VM):
        before = file.read_text()
        with running.edited() as config:
            del config["vm-mesh:vms"][VM]
            del config["vm-mesh:routes"]["details"]["stages"][VM]
            config["vm-mesh:stages"]["details"] = "vm-only"
        try:
            with pytest.raises(subprocess.CalledProcessError) as refused:
                running.make("up")
        finally:
            file.write_text(before)
        assert f"{VM} would be removed with 100% of the calls of details" in refused.value.stderr
        assert all(host.run("systemctl is-active istio").strip() == "active" for host in fleet)
        serves(running)


def test_only_what_the_config_says_is_captured(fleet: list[Host]) -> None:
    for host in fleet:
        rules = host.run("iptables-save -t nat; iptables-legacy-save -t nat 2>/dev/null")
        inbound = re.findall(r"-A ISTIO_INBOUND .*--dport (\d+) -j ISTIO_IN_REDIRECT", rules)
        assert inbound == ["9080"]
        assert re.search(r"-A ISTIO_OUTPUT -d 198\.51\.100\.0/24 -j RETURN", rules)
        assert {"22", "3306"} <= set(re.findall(r"-A ISTIO_OUTPUT .*--dport (\d+) -j RETURN", rules))


def test_secrets_on_a_host_are_for_its_agent_alone(fleet: list[Host]) -> None:
    for host in fleet:
        assert host.run("find /etc/certs /run/secrets -type f -perm /077") == ""
        assert host.run("find /run/secrets/tokens -type f") == ""
        assert "istio-token" not in host.run("ps -eo args")


def test_joining_again_makes_no_token_and_starts_nothing_anew(running: Environment, fleet: list[Host]) -> None:
    look = "pgrep -x pilot-agent; stat -c %Y /run/secrets/tokens /etc/certs/key.pem"
    earlier = [host.run(look) for host in fleet]
    running.make("rejoin")
    assert [host.run(look) for host in fleet] == earlier


def test_status_says_what_is_wrong_with_a_machine(running: Environment, fleet: list[Host]) -> None:
    def of(name: str) -> dict[str, object]:
        text = running.run(*python(running), "-m", "vmmesh", "status", "--stack", running.stack, "--json")
        return next(vm for vm in json.loads(text)["vms"] if vm["name"] == name)

    assert (of("host1")["registered"], of("host1")["healthy"]) == (True, True)
    fleet[0].run("systemctl stop details")

    def sick() -> None:
        assert of("host1")["healthy"] is False
        assert of("host1")["message"]

    eventually(sick)
    fleet[0].run("systemctl start details")

    def well() -> None:
        assert of("host1")["healthy"] is True

    eventually(well)


def python(environment: Environment) -> list[str]:
    return [environment.run("sh", "toolchain/venv.sh").strip() + "/bin/python"]


def test_names_are_resolved_while_the_agent_is_gone(fleet: list[Host]) -> None:
    host = fleet[0]
    resolves_mesh_and_world(host)
    host.run("pkill -9 -x pilot-agent")
    # Questions go to the dead agent until systemd has put its redirect away, which takes two dozen calls of iptables.
    eventually(lambda: resolves(host, host.world), seconds=5)
    for _ in range(20):
        resolves(host, host.world)

    def back() -> None:
        resolves_mesh_and_world(host)

    eventually(back)


def image_of(host: Host) -> str:
    return docker("inspect", "-f", "{{.Image}}", host.container)


def resolves_mesh_and_world(host: Host) -> None:
    for name in ("productpage.default.svc.cluster.local", host.world):
        resolves(host, name)


def resolves(host: Host, name: str) -> None:
    done = subprocess.run(
        ["docker", "exec", host.container, "getent", "hosts", name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, name


def test_a_host_comes_back_after_a_reboot_with_another_address_too(running: Environment, fleet: list[Host]) -> None:
    """The old address is taken meanwhile, so the machine gets another one, and its old entry goes."""
    host = fleet[1]
    before = host.address
    docker("stop", host.container)
    squatter = f"{host.container}-squatter"
    network = f"vm-mesh-{running.stack}"
    options = ["--detach", "--rm", f"--name={squatter}", f"--network={network}", "--entrypoint=sleep"]
    docker("run", *options, image_of(host), "300")
    started = time.monotonic()
    docker("start", host.container)
    assert host.address != before

    def joined() -> None:
        entries = running.kubectl(
            "cluster1",
            "-n",
            "virtual-machines",
            "get",
            "workloadentries",
            "-l",
            "vm-mesh/machine=host2",
            "-o",
            "jsonpath={range .items[*]}{.spec.address} {.status.conditions[?(@.type=='Healthy')].status}{'\\n'}{end}",
        )
        assert f"{host.address} True" in entries.splitlines()

    eventually(joined, seconds=60)
    print(f"reboot to a healthy entry at another address: {time.monotonic() - started:.1f} s")
    docker("rm", "--force", squatter)
    with running.edited() as config:
        machines = config["vm-mesh:vms"][VM]["machines"]
        machines["host2"]["host"]["address"] = host.address
    running.make("up")
    running.forget_outputs()

    def old_entry_is_gone() -> None:
        listed = running.kubectl("cluster1", "-n", "virtual-machines", "get", "workloadentries", "-o", "name")
        assert f"fleet-{before}-" not in listed

    eventually(old_entry_is_gone)


def test_away_for_longer_than_its_certificate_the_next_up_brings_it_back(
    running: Environment, fleet: list[Host]
) -> None:
    host = fleet[0]
    # A certificate of 40 seconds, as istiod gives it to whom asks for it; then the machine sleeps past it.
    host.run("systemctl stop istio; rm -f /etc/certs/key.pem /etc/certs/cert-chain.pem")
    host.run("echo SECRET_TTL=40s >>/var/lib/istio/envoy/cluster.env")
    token = running.kubectl(
        "cluster1", "-n", "virtual-machines", "create", "token", "fleet", "--audience=istio-ca", "--duration=600s"
    )
    docker(
        "exec",
        "-i",
        host.container,
        "sh",
        "-c",
        f"install -m 600 -o istio-proxy /dev/stdin {TOKEN} && systemctl start istio",
        stdin=token,
    )

    def certified() -> None:
        assert host.run("ls /etc/certs").split() == ["cert-chain.pem", "key.pem", "root-cert.pem"]

    eventually(certified)
    host.run(f"systemctl stop istio; rm -f {TOKEN}")
    eventually(lambda: expired(host), seconds=60)
    host.run("systemctl start istio")
    started = time.monotonic()
    running.make("up")
    print(f"expired to joined, all of make up: {time.monotonic() - started:.1f} s")
    expires = openssl(host.run("cat /etc/certs/cert-chain.pem"), "-checkend", "3600")
    assert "will not expire" in expires
    assert host.run("find /run/secrets/tokens -type f") == ""


def openssl(certificate: str, *arguments: str) -> str:
    return subprocess.run(
        ["openssl", "x509", "-noout", *arguments], input=certificate, capture_output=True, text=True, check=False
    ).stdout


def expired(host: Host) -> None:
    assert "will expire" in openssl(host.run("cat /etc/certs/cert-chain.pem"), "-checkend", "0")


def test_a_machine_that_is_gone_for_good_is_forgotten_when_told(running: Environment, fleet: list[Host]) -> None:
    docker("rm", "--force", fleet[1].container)
    with running.edited() as config:
        del config["vm-mesh:vms"][VM]["machines"]["host2"]
    with pytest.raises(subprocess.CalledProcessError) as failed:
        running.make("up")
    assert "make up GONE=host2" in failed.value.stderr + failed.value.stdout
    running.make("up", "GONE=host2")
    running.forget_outputs()


def test_a_machine_that_leaves_is_as_it_was_and_no_request_is_lost(
    running: Environment, fleet: list[Host], before: dict[str, dict[str, str]]
) -> None:
    host = fleet[0]
    with running.edited() as config:
        del config["vm-mesh:vms"][VM]
        del config["vm-mesh:routes"]["details"]["stages"][VM]
    with Stream(running.outputs["urls"]["cluster1"], rate=60) as stream:
        running.make("up")
    print(f"left while {dict(stream.results)} were served")
    assert set(stream.results) == {"200"}
    assert state_of(host) == before[host.name]
    assert host.run("systemctl is-active details") == "active"
    listed = running.kubectl("cluster1", "-n", "virtual-machines", "get", "workloadentries", "-o", "name")
    assert "fleet" not in listed
    running.forget_outputs()
