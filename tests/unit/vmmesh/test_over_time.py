"""A migration over time: what is asked, what is made of the answers, and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from tests.unit.vmmesh.picture.timelines import MOMENTS, timeline
from tests.unit.vmmesh.support import CONFIG, settings
from vmmesh import cli, over_time
from vmmesh.kept_metrics import Span, curves, span, values
from vmmesh.picture.shown import Kind
from vmmesh.stackfile import Misuse

KEPT = CONFIG + "  vm-mesh:management: {cluster: cluster2, metrics: {}}\n"


def answering(series: list[list[tuple[int, str]]], asked: list[str] | None = None) -> Callable[[str], str]:
    """What Prometheus would say to any query."""

    def ask(path: str) -> str:
        if asked is not None:
            asked.append(path)
        return json.dumps({"status": "success", "data": {"result": [{"metric": {}, "values": it} for it in series]}})

    return ask


@pytest.mark.parametrize(("words", "seconds"), [("30m", 1800), ("6h", 21600), ("2d", 172800)])
def test_a_time_is_minutes_hours_or_days(words: str, seconds: int) -> None:
    assert over_time.seconds_of(words) == seconds


@pytest.mark.parametrize("words", ["", "30", "0m", "m", "1.5h", "-1h", "30s", "99999d"])
def test_anything_else_is_misuse(words: str) -> None:
    with pytest.raises(Misuse, match="must be minutes, hours or days, such as 30m, 6h or 2d"):
        over_time.seconds_of(words)


def test_moments_are_whole_steps_that_readings_can_tell_of() -> None:
    when = span(1800, 5, 1_000_003.7)
    assert (when.step, when.window) == (15, "20s")
    assert all(moment % 15 == 0 for moment in when.moments)
    assert when.moments[-1] <= 1_000_003
    assert len(when.moments) == 121
    assert span(1800, 60, 1e6).step == 60
    assert span(60, 300, 1e6).moments[1:], "there are two at least, or nothing could be drawn"
    assert span(86400, 5, 1e6).window == "720s"


def test_what_is_not_known_is_not_nought() -> None:
    when = Span(start=0, end=40, step=10, window="20s")
    asked: list[str] = []
    found = values(answering([[(0, "1.5"), (10, "NaN"), (30, "0")]], asked), 'a{b=~"c|d"}', when)
    assert found == [1.5, None, None, 0, None]
    assert values(answering([]), "a", when) == [None] * 5
    query = parse_qs(urlsplit(asked[0]).query)
    assert query == {"query": ['a{b=~"c|d"}'], "start": ["0"], "end": ["40"], "step": ["10"]}


def test_each_destination_has_its_curve() -> None:
    when = Span(start=0, end=10, step=10, window="20s")
    found = curves(settings(), "details", when, answering([[(0, "1"), (10, "2")]]))
    assert [(curve.destination, curve.kind) for curve in found] == [
        ("vm1", Kind.VM),
        ("cluster1", Kind.CLUSTER),
        ("cluster2", Kind.CLUSTER),
    ]
    assert found[0].calls == [1, 2]


def test_json_has_the_series() -> None:
    found = over_time.document(timeline(), None)
    (route,) = found["routes"]
    assert found["moments"] == MOMENTS
    assert [stay["stage"] for stay in route["stages"]] == ["vm-only", "canary", "kubernetes"]
    vm = route["destinations"]["vm1"]
    assert vm.keys() == {"calls_per_second", "percent", "failed_percent", "p50_milliseconds", "p99_milliseconds"}
    assert {len(series) for series in vm.values()} == {len(MOMENTS)}
    json.dumps(found)


@pytest.mark.parametrize(
    ("config", "arguments", "says"),
    [
        (KEPT, ("--over", "soon"), "--over must be minutes, hours or days"),
        (KEPT, ("--over", "30m", "--stage", "all"), "--over is of the past, and --stage of what would be"),
        (KEPT, ("detail", "--over", "30m"), "did you mean details?"),
        (CONFIG, ("--over", "30m"), "set management.cluster and management.metrics"),
    ],
)
def test_wrong_usage_ends_with_2_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(config)
    result = CliRunner().invoke(cli.app, ["graph", *arguments], obj=lambda _root: {})  # pyright: ignore[reportUnknownLambdaType]
    assert result.exit_code == 2
    assert says in " ".join(result.output.split())
    assert not (tmp_path / ".state").exists()
