"""The benchmarks that need a mesh, in their short form: that they measure, not what they find."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.measures import ALL
from bench.session import Session
from tests.e2e.environment import Environment
from toolchain.progress import Progress
from vmmesh.stackfile import StackFile

pytestmark = pytest.mark.e2e

EXPECTED = {
    "stage": {"preview": 3, "pushed": 6, "kubectl apply: pushed": 6, "edit to routed everywhere": 3},
    "noop": {"pulumi preview": 3, "pulumi up": 3, "make up": 3, "the program without an engine": 3},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_benchmark_is_complete_and_leaves_the_mesh_as_it_was(name: str, running: Environment, tmp_path: Path) -> None:
    before = StackFile(running.root, running.stack).text
    with Progress(tmp_path, Console(quiet=True)) as progress, Session(progress, short=True) as session:
        session.measure_in(running)
        result = ALL[name](session)

    assert {series: result[series].n for series in EXPECTED[name]} == EXPECTED[name]
    assert all(0 <= series.least < 600 for series in result.series if series.unit == "s")
    assert all(0 <= series.least < 60_000 for series in result.series if series.unit == "ms")
    assert result.bars
    page = tmp_path / "numbers.md"
    report.write(page, [result])
    assert result.title in page.read_text()

    assert StackFile(running.root, running.stack).text == before
    assert running.changes() == []
    left = running.kubectl("cluster1", "get", "service,virtualservice", "by-hand", "--ignore-not-found", "-o=name")
    assert left == ""
