"""The table, the page and the plots."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from rich.console import Console

from bench import report
from bench.plot import drawn
from bench.result import Bar, Result, Series


def result(name: str = "stage", pushed: float = 150) -> Result:
    return Result(
        name=name,
        title="one stage",
        how="By a stopwatch.",
        series=[
            Series(name="pushed", unit="ms", values=[pushed, 160, 2000]),
            Series(name="by hand", unit="s", values=[1.25], ours=False),
        ],
        bars=[Bar(what="push", aim=400, found=2000, unit="ms", anchor="debounce")],
        notes=["A note."],
        machine={"memory": "8 GiB"},
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 s"), (0.00123, "0.0012 s"), (0.123, "0.123 s"), (1.234, "1.23 s"), (12.34, "12.3 s"), (1234.5, "1,234 s")],
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    assert report.figure(value, "s") == shown


def test_the_terminal_shows_every_series_and_which_aim_is_missed() -> None:
    console = Console(record=True, width=120, quiet=True)
    console.quiet = False
    with console.capture() as printed:
        report.show(console, result())
    words = " ".join(printed.get().split())
    assert "pushed 3 160 ms 150 ms 2,000 ms -" in words
    assert "push: at most 400 ms, found 2,000 ms: MISSED" in words
    assert "A note." in words


def test_the_page_has_tables_machine_and_plots(tmp_path: Path) -> None:
    page = tmp_path / "numbers.md"
    report.write(page, [result()])
    text = page.read_text()
    assert "| **pushed** | 3 | 160 ms | 150 ms | 2,000 ms | - |" in text
    assert "| by hand *(instead)* | 1 | 1.25 s |" in text
    assert "| push: at most 400 ms, found 2,000 ms | debounce | **missed** | stage |" in text
    assert "*memory 8 GiB*" in text
    assert "(numbers/stage.svg)" in text
    assert (tmp_path / "numbers" / "stage.svg").exists()
    assert json.loads((tmp_path / "numbers.json").read_text())["stage"]["series"][0]["values"] == [150, 160, 2000]


def test_a_run_of_one_benchmark_keeps_what_others_have_found(tmp_path: Path) -> None:
    page = tmp_path / "numbers.md"
    report.write(page, [result("noop"), result("stage")])
    report.write(page, [result("stage", pushed=7)])
    assert "## noop" in page.read_text()
    assert json.loads((tmp_path / "numbers.json").read_text())["stage"]["series"][0]["values"][0] == 7


@pytest.mark.parametrize("values", [[1.0], [0.0], [1, 2, 3], [0.001, 1000], [5, 5]])
def test_plots_hold_every_sample_within_the_picture(values: list[float]) -> None:
    found = Result(name="a", title="a", how="", series=[Series(name="s", unit="s", values=values)])
    svg = ET.fromstring(drawn(found))  # noqa: S314 # our own
    dots = [it for it in svg.iter("{http://www.w3.org/2000/svg}rect") if it.get("class") == "bar"]
    assert len(dots) == len(values)
    assert all(0 <= float(dot.get("x", "-1")) <= float(svg.get("width", "0")) - 6 for dot in dots)
