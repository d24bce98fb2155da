"""Lines of the past: which are asked for, and that they are shown as live ones are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.vmmesh.support import CONFIG, settings
from vmmesh.kept import moment, store
from vmmesh.kept_logs import Wanted, entries, places
from vmmesh.logs import inbound
from vmmesh.stackfile import Misuse, load

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
LINE = {
    "_msg": "GET /details/0",
    "_time": "2026-01-02T03:04:05.5Z",
    "_stream": '{cluster="cluster1"}',
    "scope.name": "unknown",
    "severity_number": "0",
    "start_time": "2026-01-02T03:04:05.500Z",
    "path": "/details/0",
    "response_code": "200",
    "response_flags": "-",
    "duration": "3",
    "upstream_cluster": "inbound|9080||",
    "upstream_peer": "-",
    "cluster": "cluster1",
    "namespace": "default",
    "app": "details",
    "version": "v1",
    "vm": "-",
    "machine": "-",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
}
OF_VM = {**LINE, "vm": "vm1", "machine": "vm1", "version": "vm", "namespace": "virtual-machines"}


def kept(*lines: dict[str, str], service: str | None = None) -> list[tuple[str, str]]:
    found = entries(settings(), service, map(json.dumps, lines))
    return [(entry.place, entry.service) for entry in found]


@pytest.mark.parametrize(
    ("text", "ago"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400), ("2026-01-02T11:59:00+00:00", 60)]
)
def test_a_time_is_so_long_ago_or_a_moment(text: str, ago: int) -> None:
    assert moment(text, NOW) == NOW - timedelta(seconds=ago)


@pytest.mark.parametrize("text", ["", "soon", "1y", "-1h", "2026-13-01", "999999d"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(Misuse, match="is no time"):
        moment(text, NOW)


def test_conditions_hold_together_and_are_no_query_of_their_own() -> None:
    wanted = Wanted(since=NOW, until=NOW, trace="id", where=(("path", '/"x" or *'), ("response_code", "503")))
    assert wanted.query() == (r'"path":="/\"x\" or *" "response_code":="503" (trace_id:="id" or request_id:="id")')
    assert Wanted(since=NOW, until=NOW).query() == "*"


def test_a_line_is_as_the_proxy_s_own_log_has_it_and_says_whose_it_is() -> None:
    [entry] = entries(settings(), None, [json.dumps(LINE)])
    assert inbound(entry)
    assert entry.line == {
        "start_time": "2026-01-02T03:04:05.500Z",
        "path": "/details/0",
        "response_code": 200,
        "response_flags": "-",
        "duration": 3,
        "upstream_cluster": "inbound|9080||",
        "upstream_peer": None,
        "cluster": "cluster1",
        "namespace": "default",
        "app": "details",
        "version": "v1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


def test_lines_are_of_machines_and_clusters() -> None:
    assert kept(LINE, OF_VM) == [("cluster1", "details"), ("vm1", "details")]


def test_of_a_service_there_are_what_it_serves_and_what_it_calls() -> None:
    other = {**LINE, "app": "ratings"}
    called = {**LINE, "app": "productpage", "upstream_cluster": "outbound|9080||details.default.svc.cluster.local"}
    assert kept(LINE, other, called, service="details") == [("cluster1", "details")]
    assert kept(LINE, other, called, service="productpage") == [("cluster1", "productpage")]


def test_what_the_config_knows_no_more_is_shown_by_its_own_name() -> None:
    gone = {**OF_VM, "vm": "vm9", "machine": "vm9", "app": "orders", "upstream_cluster": "inbound|7000||"}
    gateway = {**LINE, "app": "istio-ingressgateway", "upstream_cluster": "outbound|9080||productpage"}
    assert kept(gone, gateway) == [("cluster1", "istio-ingressgateway"), ("vm9", "orders")]


def test_agents_own_calls_are_passed_over() -> None:
    assert kept({**LINE, "upstream_cluster": "inbound|15020||"}, {**LINE, "app": "-"}) == []


def test_a_line_that_was_sent_twice_is_one_and_all_are_in_the_order_of_time() -> None:
    late = {**LINE, "start_time": "2026-01-02T03:04:06.000Z"}
    found = entries(settings(), None, [json.dumps(late), json.dumps(LINE), "", json.dumps(LINE)])
    assert [entry.start_time for entry in found] == [LINE["start_time"], late["start_time"]]


def test_places_are_those_of_the_lines_what_is_there_now_first() -> None:
    found = entries(settings(), None, map(json.dumps, (LINE, OF_VM, {**OF_VM, "machine": "a-gone"})))
    assert places(found, ["vm1", "cluster1", "cluster2"]) == ["vm1", "cluster1", "a-gone"]


def test_where_nothing_is_kept_the_key_is_said() -> None:
    with (
        pytest.raises(Misuse, match="vm-mesh:management has no accessLogs") as misuse,
        store(settings(), {}, "access-logs", 9428, "accessLogs"),
    ):
        pass
    assert "write `accessLogs: {}` below vm-mesh:management" in misuse.value.advice


def test_the_store_is_asked_on_its_own_pod() -> None:
    config = load(CONFIG + "  vm-mesh:management: {cluster: cluster2, accessLogs: {}}\n", "x")
    with store(config, {"cluster2": Path("/kube")}, "access-logs", 9428, "accessLogs") as found:
        command = found._command  # pyright: ignore[reportPrivateUsage]
    assert command[-3:] == ["--namespace=management", "pod/access-logs-0", ":9428"]
