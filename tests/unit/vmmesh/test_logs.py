"""Access logs of several places become one, in the order of time."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.vmmesh.support import CONFIG, settings
from vmmesh import logs
from vmmesh.log_view import Shown, document
from vmmesh.logs import Entry, Source, entry, inbound, sources
from vmmesh.stackfile import load

FILES = {name: Path(f"/{name}") for name in ("cluster1", "cluster2")}


def line(second: int, path: str = "/details/0", code: int = 200, cluster: str = "inbound|9080||") -> str:
    return json.dumps(
        {
            "start_time": f"2026-01-02T03:04:{second:02}.500Z",
            "method": "GET",
            "path": path,
            "response_code": code,
            "duration": 3,
            "upstream_cluster": cluster,
            "downstream_peer": "spiffe://cluster.local/ns/default/sa/productpage",
        }
    )


def source(place: str, *command: str, only: str | None = None, **services: int) -> Source:
    ports = {port: name for name, port in services.items()} or {9080: "details"}
    return Source(place=place, services=ports, only=only, command=command)


def read(of: Sequence[Source]) -> list[Entry]:
    """What logs hold that can all be read."""
    lost: list[str] = []
    found = logs.read(of, lost.append)
    assert lost == []
    return found


def printed(place: str, *lines: str) -> Source:
    return source(place, "printf", "%s\\n", *lines)


def test_sources_are_vms_and_pods_of_the_service() -> None:
    found = sources(settings(), FILES, {"vm1": "docker exec -i vm"}, "details", 20, follow=True)
    assert [(source.place, *source.services.values()) for source in found] == [
        ("vm1", "details"),
        ("cluster1", "details"),
        ("cluster2", "details"),
    ]
    assert found[0].command[:4] == ["docker", "exec", "-i", "vm"]
    assert "--follow" in found[1].command
    assert "--selector=app=details" in found[1].command


def test_without_a_service_there_are_all() -> None:
    found = sources(settings(), FILES, {}, None, 20, follow=False)
    assert {service for source in found for service in source.services.values()} == {
        "productpage",
        "details",
        "reviews",
        "ratings",
    }
    assert not any("--follow" in source.command for source in found)


def test_the_agent_s_own_lines_and_broken_ones_are_passed_over() -> None:
    silent = printed("vm1")
    assert entry(silent, "2026-01-02T03:04:05Z info ready\n") is None
    assert entry(silent, '{"start_time": "2026') is None
    assert entry(silent, '{"start_time": null}') is None


def test_lines_are_read_in_the_order_of_time() -> None:
    found = read([printed("vm1", line(1), "info", line(4)), printed("cluster1", line(3), line(2))])
    assert [(entry.place, entry.start_time[17:19]) for entry in found] == [
        ("vm1", "01"),
        ("cluster1", "02"),
        ("cluster1", "03"),
        ("vm1", "04"),
    ]


def test_lines_that_are_followed_are_in_the_order_of_time_too_and_end_with_the_logs() -> None:
    slow = source("cluster1", "sh", "-c", f"sleep 0.3; echo '{line(1)}'")
    lost: list[str] = []
    found = logs.follow([printed("vm1", line(2)), slow], lost.append)
    assert [entry.place for entry in found] == ["cluster1", "vm1"]
    assert lost == []


@pytest.mark.parametrize("how", [logs.read, logs.follow])
def test_a_log_that_cannot_be_read_is_told_and_the_others_are_read(
    how: Callable[[Sequence[Source], Callable[[str], None]], Iterable[Entry]],
) -> None:
    partly = source("cluster1", "sh", "-c", f"echo '{line(1)}'; echo 'at first' >&2; echo 'no such pod' >&2; exit 1")
    silent = source("cluster2", "sh", "-c", "exit 3", reviews=9080)
    lost: list[str] = []
    found = list(how([partly, printed("vm1", line(2)), silent], lost.append))
    assert [entry.place for entry in found] == ["cluster1", "vm1"]
    assert sorted(lost) == [
        "cluster1 details cannot be read: no such pod",
        "cluster2 reviews cannot be read: ended with code 3",
    ]


def test_a_log_that_is_not_read_to_its_end_is_not_lost() -> None:
    lost: list[str] = []
    followed = logs.follow([source("vm1", "sh", "-c", f"echo '{line(1)}'; exec sleep 60")], lost.append)
    assert next(followed).place == "vm1"
    followed.close()
    assert lost == []


@pytest.fixture
def nepal() -> Generator[None]:
    """Clocks that are 5:45 h ahead of the logs'."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "<+0545>-5:45")
        time.tzset()
        yield
    time.tzset()


def shown(columns: bool, *found: Entry) -> list[str]:
    console = Console(file=StringIO(), width=80, highlight=False)
    show = Shown(console, ["vm1", "cluster1"], columns=columns)
    for part in found:
        show(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.usefixtures("nepal")
def test_merged_each_line_names_its_place() -> None:
    [first, second] = read([printed("vm1", line(1)), printed("cluster1", line(2, code=503))])
    assert shown(False, first, second) == [
        "vm1      details 08:49:01.500 200 GET /details/0 3 ms from productpage",
        "cluster1 details 08:49:02.500 503 GET /details/0 3 ms from productpage",
    ]


@pytest.mark.usefixtures("nepal")
def test_side_by_side_each_place_has_its_column() -> None:
    [first, second] = read([printed("vm1", line(1)), printed("cluster1", line(2, path=f"/details/{'9' * 40}"))])
    heads, one, two = shown(True, first, second)
    assert heads.index("cluster1") == 40
    assert one == "08:49:01.500 200 GET /details/0 3ms"
    assert two.startswith(f"{'':40}08:49:02.500 200 GET /details/999")
    assert two.endswith("…")
    assert len(two) < 80


def test_calls_that_were_served_and_calls_that_were_made() -> None:
    served, made = read([printed("vm1", line(1), line(2, cluster="outbound|9080||ratings"))])
    assert (inbound(served), inbound(made)) == (True, False)
    assert json.loads(document(made))["place"] == "vm1"


def test_every_machine_of_a_vm_is_a_source_by_its_transport_on_a_host_too() -> None:
    text = CONFIG.replace(
        "      cluster: cluster1\n", "      cluster: cluster1\n      machines: {one: {}, two: {}, late: {}}\n"
    )
    ssh = "sh bootstrap/ssh.sh address=10.0.0.2 --"
    found = sources(load(text, "x"), {}, {"one": "docker exec -i one", "two": ssh}, None, 20, follow=False)
    assert [(source.place, source.command[0]) for source in found] == [("one", "docker"), ("two", "sh")]
    assert found[1].command[-4:] == ["tail", "-n", "20", "/var/log/istio/istio.log"]


def test_calls_of_a_machine_are_told_apart_by_the_port_of_the_service() -> None:
    lines = (
        line(1),
        line(2, cluster="inbound|9081||"),
        line(3, cluster="inbound|15020||"),
        line(4, cluster="outbound|1"),
    )
    both = source("vm1", "printf", "%s\\n", *lines, details=9080, ratings=9081)
    assert [entry.service for entry in read([both])] == ["details", "ratings", "details+ratings"]
    one = source("vm1", "printf", "%s\\n", *lines, only="ratings", details=9080, ratings=9081)
    assert [entry.service for entry in read([one])] == ["ratings", "details+ratings"]


def test_a_follower_on_a_machine_ends_with_who_has_started_it(tmp_path: Path) -> None:
    """Docker and SSH leave running what they have started, and only close its input."""
    log = tmp_path / "log"
    log.write_text(f"{line(1)}\n")
    [vm, *_] = sources(settings(), {}, {"vm1": "env"}, None, 20, follow=True)
    command = [*vm.command[:-1], str(log)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == f"{line(1)}\n"
    process.stdin.close()
    assert process.wait(timeout=10) is not None
    assert process.stdout.read() == ""  # tail has ended, too
    process.stdout.close()
