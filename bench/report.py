"""Results as a table for the terminal, and as the page docs/numbers.md with its plots."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import plot
from bench.result import Bar, Result, Series, document, parse

_INTRO = """\
# Numbers

Written by `make bench`, from [{data}]({data}), which has every sample; not to be edited. Each measurement stands
beside what a user would do instead, in the same run on the same machine. Repeat all by `make bench`, one by
`make bench ONLY=stage`; `SHORT=1` sees in minutes that it works, and is no measurement. The spread is from the least to
the greatest sample; a p99 is given from 100 samples on. The aims were set before anything was measured."""
_COLUMNS = ("", "n", "median", "least", "greatest", "p99")


def row(series: Series) -> list[str]:
    """A series as the table has it."""
    numbers = [figure(value, series.unit) for value in (series.median, series.least, series.greatest)]
    return [series.name, str(series.n), *numbers, "-" if series.p99 is None else figure(series.p99, series.unit)]


def figure(value: float, unit: str) -> str:
    """A value with its unit, in three digits at the least."""
    digits = min(4, max(0, 2 - math.floor(math.log10(abs(value))))) if value else 0
    return f"{value:,.{digits}f} {unit}"


def show(console: Console, result: Result) -> None:
    """Prints a result."""
    table = Table(title=f"{result.name}: {result.title}", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for heading in _COLUMNS[1:]:
        table.add_column(heading, justify="right")
    for series in result.series:
        table.add_row(*row(series), style="" if series.ours else "dim")
    console.print(table)
    for bar in result.bars:
        mark = Text("met", style="bold green") if bar.met else Text("MISSED", style="bold red")
        console.print(Text(f"{_aim(bar)}: ") + mark, soft_wrap=True)
    for note in result.notes:
        console.print(Text(note), soft_wrap=True)


def write(page: Path, results: Sequence[Result]) -> None:
    """Writes the page, its data, and its plots; of benchmarks that were not run, what an earlier run has found."""
    data = page.with_suffix(".json")
    known = {name: parse(found) for name, found in json.loads(data.read_text()).items()} if data.exists() else {}
    known |= {result.name: result for result in results}
    plots = page.with_suffix("")
    plots.mkdir(parents=True, exist_ok=True)
    for result in results:
        (plots / f"{result.name}.svg").write_text(plot.drawn(result))
    data.write_text(json.dumps({name: document(result) for name, result in known.items()}, indent=1) + "\n")
    page.write_text(markdown(known, page.stem))


def markdown(results: Mapping[str, Result], stem: str) -> str:
    """The page."""
    blocks = [_INTRO.format(data=f"{stem}.json")]
    if bars := [(result, bar) for result in results.values() for bar in result.bars]:
        rows = [[_aim(bar), bar.anchor, "met" if bar.met else "**missed**", result.name] for result, bar in bars]
        blocks += ["## Aims", _table(["aim", "derived from", "", "measured by"], rows, right=0)]
    for name, result in results.items():
        machine = ", ".join(f"{key} {value}" for key, value in result.machine.items())
        blocks += [f"## {name}: {result.title}", result.how, f"*{machine}*"]
        rows = [row(series) for series in result.series]
        for cells, series in zip(rows, result.series, strict=True):
            cells[0] = f"**{series.name}**" if series.ours else f"{series.name} *(instead)*"
        blocks.append(_table(_COLUMNS, rows, right=5))
        blocks.append(f"![The samples of {name}, each a dot, with the median]({stem}/{name}.svg)")
        blocks += result.notes
    return "\n\n".join(blocks) + "\n"


def _aim(bar: Bar) -> str:
    return f"{bar.what}: at most {figure(bar.aim, bar.unit)}, found {figure(bar.found, bar.unit)}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: int) -> str:
    rules = ["---"] * (len(columns) - right) + ["--:"] * right
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rules, *rows))
