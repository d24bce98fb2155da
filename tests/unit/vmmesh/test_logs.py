"""Access logs of several places become one, in the order of time."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.unit.vmmesh.support import settings
from vmmesh.logs import Entry, Shown, Source, document, entry, follow, inbound, read, sources

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


def printed(place: str, *lines: str) -> Source:
    return Source(place, "details", ["printf", "%s\\n", *lines])


def test_sources_are_vms_and_pods_of_the_service() -> None:
    found = sources(settings(), FILES, {"vm1": "docker exec -i vm"}, "details", 20, follow=True)
    assert [(source.place, source.service) for source in found] == [
        ("vm1", "details"),
        ("cluster1", "details"),
        ("cluster2", "details"),
    ]
    assert found[0].command[:4] == ["docker", "exec", "-i", "vm"]
    assert "--follow" in found[1].command
    assert "--selector=app=details" in found[1].command


def test_without_a_service_there_are_all() -> None:
    found = sources(settings(), FILES, {}, None, 20, follow=False)
    assert {source.service for source in found} == {"productpage", "details", "reviews", "ratings"}
    assert not any("--follow" in source.command for source in found)


def test_the_agent_s_own_lines_and_broken_ones_are_passed_over() -> None:
    source = printed("vm1")
    assert entry(source, "2026-01-02T03:04:05Z info ready\n") is None
    assert entry(source, '{"start_time": "2026') is None
    assert entry(source, '{"start_time": null}') is None


def test_lines_are_read_in_the_order_of_time() -> None:
    found = read([printed("vm1", line(1), "info", line(4)), printed("cluster1", line(3), line(2))])
    assert [(entry.place, entry.start_time[17:19]) for entry in found] == [
        ("vm1", "01"),
        ("cluster1", "02"),
        ("cluster1", "03"),
        ("vm1", "04"),
    ]


def test_lines_that_are_followed_are_in_the_order_of_time_too_and_end_with_the_logs() -> None:
    slow = Source("cluster1", "details", ["sh", "-c", f"sleep 0.3; echo '{line(1)}'"])
    assert [entry.place for entry in follow([printed("vm1", line(2)), slow])] == ["cluster1", "vm1"]


def shown(columns: bool, *found: Entry) -> list[str]:
    console = Console(file=StringIO(), width=80, highlight=False)
    show = Shown(console, ["vm1", "cluster1"], columns=columns)
    for part in found:
        show(part)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def test_merged_each_line_names_its_place() -> None:
    [first, second] = read([printed("vm1", line(1)), printed("cluster1", line(2, code=503))])
    assert shown(False, first, second) == [
        "vm1      03:04:01.500 200 GET /details/0 3 ms from productpage",
        "cluster1 03:04:02.500 503 GET /details/0 3 ms from productpage",
    ]


def test_side_by_side_each_place_has_its_column() -> None:
    [first, second] = read([printed("vm1", line(1)), printed("cluster1", line(2, path=f"/details/{'9' * 40}"))])
    heads, one, two = shown(True, first, second)
    assert heads.index("cluster1") == 40
    assert one == "03:04:01.500 200 GET /details/0 3ms"
    assert two.startswith(f"{'':40}03:04:02.500 200 GET /details/999")
    assert two.endswith("…")
    assert len(two) < 80


def test_calls_that_were_served_and_calls_that_were_made() -> None:
    served, made = read([printed("vm1", line(1), line(2, cluster="outbound|9080||ratings"))])
    assert (inbound(served), inbound(made)) == (True, False)
    assert json.loads(document(made))["place"] == "vm1"
