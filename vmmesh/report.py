"""What a ticket needs to know of the routes: the picture, the figures, and the verdict, as Markdown and as HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from vmmesh import verify
from vmmesh.graph import of_observation
from vmmesh.history import Stay
from vmmesh.judge import FALSE_ALARMS, Verdict
from vmmesh.observe import Observation
from vmmesh.picture.drawing import draw, eyebrow, moment
from vmmesh.picture.page import NUMBERS, Section, Tone, page, shares
from vmmesh.picture.shown import Picture
from vmmesh.picture.style import Theme

FORMATS = (".md", ".html")
_BAR = 20
"""Characters of a share's bar, where there is no picture."""


def rendered(stack: str, seen: Observation, ending: str) -> str:
    """The report as the file format of an ending."""
    picture = of_observation(stack, seen)
    sections = list(_sections(picture, seen))
    if ending == ".html":
        return page(picture, draw(picture, Theme.AUTO), Theme.AUTO, sections)
    return _markdown(picture, sections)


def document(stack: str, seen: Observation) -> dict[str, Any]:
    """The report as JSON: what ``verify`` and ``status`` have, and each route's stages so far."""
    return {
        **verify.document(stack, seen.verdicts),
        "moment": seen.moment,
        "history": {service: [asdict(stay) for stay in stays] for service, stays in seen.history.items()},
        "vms": list(seen.vms),
    }


def _sections(picture: Picture, seen: Observation) -> Iterator[Section]:
    panels = {panel.service: panel for panel in picture.panels}
    alone = FALSE_ALARMS / max(1, len(seen.verdicts))
    for verdict in seen.verdicts:
        panel = panels[verdict.route.service]
        found = shares(panel)
        lines = list(_verdict(verdict))
        if panel.config:
            lines.append((f"The config says stage {panel.config}, which is not applied yet.", Tone.BAD))
        yield Section(heading=found.heading, lines=lines, columns=found.columns, rows=found.rows)
        yield _callers(verdict, alone)
        if stays := seen.history.get(verdict.route.service):
            yield _history(verdict.route.service, stays)
    if seen.vms:
        yield _vms(seen.vms)


def _verdict(verdict: Verdict) -> Iterator[tuple[str, Tone]]:
    notes = [*verdict.notes, *(f"{judged.cluster}: {line}" for judged in verdict.clusters for line in judged.notes)]
    if verdict.passed:
        yield "Passed: the calls go where the stage says, and none failed.", Tone.GOOD
        yield from ((words, Tone.SOFT) for words in notes)
        return
    counted = sum(judged.counted for judged in verdict.clusters)
    yield ("Not as the stage says:", Tone.BAD) if counted else ("Not judged:", Tone.SOFT)
    for words in (
        *verdict.wrong,
        *(f"{judged.cluster}: {line}" for judged in verdict.clusters for line in judged.wrong),
    ):
        yield words, Tone.PLAIN
    yield from ((words, Tone.SOFT) for words in notes)


def _callers(verdict: Verdict, alone: float) -> Section:
    rows = [
        [
            judged.cluster,
            f"{judged.sent.requests:,}" if judged.sent.requests else "-",
            f"{judged.sent.failed:,}" if judged.sent.requests else "-",
            f"{judged.counted:,}",
            "-" if judged.p_value is None else f"{judged.p_value:.2g}",
        ]
        for judged in verdict.clusters
    ]
    least = alone / len(verdict.route.clusters)
    rule = (
        f"Counted for {verdict.seconds:.1f} s by the callers' own proxies. A p-value below {least:.1g} is judged "
        f"wrong: of {round(1 / FALSE_ALARMS):,} reports on a mesh that divides its calls right, one says it does not."
    )
    return Section(
        heading=f"Who called {verdict.route.service}",
        lines=[(rule, Tone.SOFT)],
        columns=("callers in", "sent", "failed", "counted", "p-value"),
        rows=rows,
    )


def _history(service: str, stays: Sequence[Stay]) -> Section:
    rows = [[moment(stay.since), stay.stage] for stay in reversed(stays)]
    return Section(heading=f"Stages of {service}, the last one first", columns=("since", "stage"), rows=rows)


def _vms(vms: Sequence[Mapping[str, Any]]) -> Section:
    rows = [
        [
            vm["name"],
            vm["cluster"],
            "yes" if vm["registered"] else "no",
            "yes" if vm["healthy"] else "no",
            _until(vm["certificate_expires"]),
            vm["version"] or "unknown",
        ]
        for vm in vms
    ]
    lines = [(f"{vm['name']}: {vm['message']}", Tone.BAD) for vm in vms if vm["message"]]
    columns = ("VM", "joined through", "registered", "healthy", "certificate until", "sidecar")
    return Section(heading="VMs", lines=lines, columns=columns, rows=rows)


def _until(expires: str | None) -> str:
    return moment(datetime.fromisoformat(expires).isoformat()) if expires else "unknown"


def _markdown(picture: Picture, sections: Sequence[Section]) -> str:
    blocks = [_escaped(eyebrow(picture))]
    for section in sections:
        blocks.append(f"## {_escaped(section.heading)}")
        blocks += [
            f"**{_escaped(words)}**" if tone in (Tone.GOOD, Tone.BAD) else _escaped(words)
            for words, tone in section.lines
        ]
        if section.rows:
            blocks.append(_table(section))
    return "\n\n".join(blocks) + "\n"


def _table(section: Section) -> str:
    columns, rows = list(section.columns), [list(row) for row in section.rows]
    if "intended" in columns:
        for row in rows:
            row.append(_bar(row[columns.index("observed")], row[columns.index("intended")]))
        columns.append("")
    rules = ["--:" if column in NUMBERS else "---" for column in columns]
    escaped = [[_escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, rules, *escaped))


def _bar(observed: str, intended: str) -> str:
    """A bar of what was observed, or else of what is intended."""
    percent = float((intended if observed == "-" else observed).removesuffix(" %"))
    filled = round(percent * _BAR / 100)
    return "█" * filled + "░" * (_BAR - filled)


def _escaped(words: str) -> str:
    """Text that Markdown takes as text, on one line: messages of the mesh are others' words."""
    return re.sub(r"([\\`*_\[\]<>|#~@&])", r"\\\1", " ".join(words.split()))
