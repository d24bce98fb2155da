"""The parts of a preview's comment that may be cut short: what changes, and which rules are broken."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pulumi.automation import OpType

from vmmesh import planned
from vmmesh.planned import Shares, Step
from vmmesh.previewed import Preview, destroys
from vmmesh.redaction import code, plain, redacted
from vmmesh.urns import cluster_of, resource_name

CELLS = 20
SHOWN = 10
_FAILURE = 4_000
WORDS = {
    OpType.CREATE: "to create",
    OpType.UPDATE: "to update",
    OpType.REPLACE: "to replace",
    OpType.DELETE: "to delete",
    OpType.IMPORT: "to import",
}
"""What the engine would do, as the summary counts it."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Lines that may be cut short, between such as must not."""

    before: Sequence[str] = ()
    lines: Sequence[str]
    after: Sequence[str] = ()

    def fitted(self, room: int) -> tuple[list[str], int]:
        """As many lines as there is ``room`` for, and the room that is left then."""
        rest = room - sum(len(line) + 1 for line in (*self.before, *self.after)) - 80  # for the note on what is cut
        if rest < 0:
            return [], room
        taken: list[str] = []
        for line in self.lines:
            rest -= len(line) + 1
            if rest < 0:
                break
            taken.append(line)
        cut = len(self.lines) - len(taken)
        note = ["", f"… and {cut} more, which the job's log has."] if cut else []
        found = [*self.before, *taken, *note, *self.after]
        return found, room - sum(len(line) + 1 for line in found)


def blocks(found: Preview) -> Iterator[Block]:
    """All of them, what matters most first."""
    if found.failure:
        text = redacted(found.failure).strip().replace("~~~", "~ ~")[:_FAILURE]
        yield Block(before=["~~~text"], lines=text.splitlines(), after=["~~~", ""])
        return
    if found.violations:
        lines = [
            f"- **{plain(resource_name(it.urn))}**: {plain(it.message)} ({code(it.rule)})" for it in found.violations
        ]
        yield Block(before=["**Rules that are broken**", ""], lines=lines, after=[""])
    lost = [step for step in found.changes if destroys(step)]
    if lost:
        lines = [f"- **{WORDS.get(OpType(step.operation), step.operation)}: {_line(step)}**" for step in lost]
        yield Block(before=["**Replaced or deleted**", ""], lines=lines, after=[""])
    yield from _routes(found)
    if found.access:
        lines = [
            f"- **{plain(it.service)}** at {', '.join(map(code, it.at))}: {plain(it.words)}" for it in found.access
        ]
        yield Block(before=["**Who may call what**", ""], lines=lines, after=[""])
    ruled = {(it.route, it.cluster) for it in planned.shares(found.steps) if it.told}
    others = [step for step in found.changes if not destroys(step) and not _is_told(step, ruled)]
    if others:
        lines = [f"- {step.operation} {_line(step)}" for step in others]
        if len(others) <= SHOWN:
            yield Block(before=["**What else changes**", ""], lines=lines, after=[""])
        else:
            opening = [f"<details><summary>What else changes: {len(others)} resources</summary>", ""]
            yield Block(before=opening, lines=lines, after=["", "</details>", ""])


def _routes(found: Preview) -> Iterator[Block]:
    """What changes of each route, a table and a list: one for all the clusters whose callers it is the same for."""
    changed = [it for it in planned.shares(found.steps) if it.before != it.after or it.told]
    for route, of_route in groupby(changed, key=lambda it: it.route):
        alike: dict[str, list[Shares]] = {}
        for it in of_route:
            alike.setdefault(f"{dict(it.before)}{dict(it.after)}{it.told}", []).append(it)
        for same in alike.values():
            clusters = ", ".join(code(it.cluster) for it in same)
            head = [f"**{plain(route)}**, calls from {clusters}", ""]
            before, after, told = same[0].before, same[0].after, same[0].told
            if before != after:
                yield Block(
                    before=[*head, "| to | before | after | |", "|---|---|---|--:|"],
                    lines=[_row(name, before.get(name, 0), after.get(name, 0)) for name in {**after, **before}],
                    after=[""],
                )
            if told:
                lines = [f"- {plain(line)}" for line in told]
                yield Block(before=[] if before != after else head, lines=lines, after=[""])


def _row(name: str, before: float, after: float) -> str:
    difference = f"**{after - before:+g}**" if after != before else ""
    return f"| {code(name)} | `{bar(before)}` {before:g} % | `{bar(after)}` {after:g} % | {difference} |"


def bar(percent: float) -> str:
    """A share as a bar of full and empty cells; what is not 0 shows, and what is not all is not full."""
    full = round(percent * CELLS / 100)
    if 0 < percent < 100:
        full = min(max(full, 1), CELLS - 1)
    return "█" * full + "░" * (CELLS - full)


def _is_told(step: Step, ruled: Collection[tuple[str, str]]) -> bool:
    """Whether a route's table has all of it, or its table and the list of what changes of its rules."""
    if planned.ROUTE not in step.urn or step.operation != OpType.UPDATE or not step.paths:
        return False
    route = resource_name(step.resource.parent), cluster_of(step.resource.provider)
    listed = route in ruled and all(path.startswith("spec.http") for path in step.paths)
    return listed or all(path.endswith(".weight") for path in step.paths)


def _line(step: Step) -> str:
    more = f" and {len(step.paths) - 3} more" if len(step.paths) > 3 else ""
    paths = f" ({', '.join(map(code, step.paths[:3]))}{more})" if step.paths else ""
    return f"{plain(step.resource.kind)} {code(resource_name(step.urn))}{paths}"
