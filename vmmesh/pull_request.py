"""A preview as a comment on a pull request: short, the summary first, and without a value that may be a secret.

Of what changes, names and paths of properties are told and, of values, a route's percents, its rules but for what a
header or a cookie must be, and who may call what; what the policy's rules say holds images and percents. So no secret
gets in, whatever the engine does or does not mark as one.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from pulumi.automation import OpType

from policy.rules import Violation
from settings import SettingsError
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import access_changes, guard, planned
from vmmesh.place import Place
from vmmesh.planned import Shares, Step
from vmmesh.recorded import recorded
from vmmesh.stack import Stack
from vmmesh.stackfile import Misuse
from vmmesh.watch import resource_name

LIMIT = 65_000
"""Characters. GitHub takes 65,536 in a comment, GitLab 1,000,000."""
CELLS = 20
SHOWN = 10
_FAILURE = 4_000
_UNCHANGED = (OpType.SAME, OpType.READ, OpType.REFRESH)
_WORDS = {
    OpType.CREATE: "to create",
    OpType.UPDATE: "to update",
    OpType.REPLACE: "to replace",
    OpType.DELETE: "to delete",
    OpType.IMPORT: "to import",
}
_SECRETS = (
    re.compile(r"-----BEGIN ([A-Z ]+)-----.*?(-----END \1-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"),
    re.compile(r"(?<=://)[^/@\s]+(?=@)"),
    re.compile(r"[A-Za-z0-9+/=_-]{64,}"),
)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an update would do to a stack."""

    stack: str
    steps: Sequence[Step] = ()
    violations: Sequence[Violation] = ()
    stages: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Route -> the stage in the state, and the stage in the config."""
    access: Sequence[access_changes.Change] = ()
    """Who gains and who loses access."""
    recorded: datetime | None = None
    """When the state was written."""
    failure: str = ""
    """Why there is no preview."""
    misused: bool = False
    """Whether that is a mistake in the config."""

    @property
    def passed(self) -> bool:
        """Whether there is a preview, and nothing speaks against the update."""
        return not self.failure and not self.violations

    @property
    def changes(self) -> list[Step]:
        """The steps that change something, what would be lost first."""
        found = [step for step in self.steps if OpType(step.operation) not in _UNCHANGED]
        return sorted(found, key=lambda step: (not destroys(step), step.urn))


def destroys(step: Step) -> bool:
    """Whether something that runs would be gone, or another one in its place."""
    return OpType(step.operation) not in (OpType.CREATE, OpType.UPDATE, OpType.IMPORT)


def preview(place: Place, state: Path | None) -> Preview:
    """Previews the stack's config on its recorded state: the backend's, or that of the file ``state``.

    No cluster is asked. A config that is refused, or a preview that fails, is told by ``failure``. Raises Misuse for
    an unknown stack or a file that is no state of it.
    """
    try:
        place.file.settings()
    except SettingsError as error:
        return Preview(stack=place.name, failure=str(error), misused=True)
    if state is None:
        place.enter()
        return _preview(place)
    with recorded(place, state.absolute()) as copy:
        return _preview(copy)


def _preview(place: Place) -> Preview:
    settings = place.file.settings()
    when = None
    try:
        stack = Stack(place.root, place.name, "report")
        when = written(stack.export())
        with (
            Progress(Checkout(place.root).logs) as progress,
            progress.step("preview", f"what would change in {place.name}"),
        ):
            events = stack.preview()
    except Misuse:
        raise
    except Problem as problem:
        return Preview(stack=place.name, recorded=when, failure=f"{problem}\n{problem.advice}")
    applied = planned.applied_stages(events)
    steps = planned.steps(events)
    return Preview(
        stack=place.name,
        steps=steps,
        access=access_changes.previewed(steps, settings),
        violations=guard.findings(events, settings),
        stages={route: (applied.get(route, ""), stage) for route, stage in settings.stages.items()},
        recorded=when,
    )


def written(deployment: Mapping[str, Any]) -> datetime | None:
    """When a state was written, as its manifest says."""
    text = str(deployment.get("manifest", {}).get("time", ""))
    # Pulumi gives nanoseconds, Python takes microseconds.
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.year > 1 else None


def markdown(found: Preview, now: datetime, limit: int = LIMIT) -> str:
    """The comment, at most ``limit`` characters long: the summary always, then as much of the rest as fits."""
    head = [marker(found.stack), f"### {_title(found)}", "", _summary(found), ""]
    foot = ["", f"<sub>{_state(found, now)}</sub>", ""]
    room = limit - sum(len(line) + 1 for line in (*head, *foot))
    body: list[str] = []
    for block in _blocks(found):
        lines, room = block.fitted(room)
        body += lines
    return "\n".join([*head, *body, *foot])


def marker(stack: str) -> str:
    """The comment's first line, which nobody sees: by it a workflow finds the comment that it is to edit."""
    return f"<!-- vm-mesh preview of {stack} -->"


def document(found: Preview) -> dict[str, Any]:
    """The preview as JSON, of the same facts as the comment."""
    return {
        "stack": found.stack,
        "passed": found.passed,
        "failure": _redacted(found.failure) or None,
        "state_recorded": found.recorded.isoformat() if found.recorded else None,
        "stages": {route: {"before": before, "after": after} for route, (before, after) in found.stages.items()},
        "shares": [
            {
                "route": it.route,
                "cluster": it.cluster,
                "before": dict(it.before),
                "after": dict(it.after),
                "rule": {"before": list(it.rule_before), "after": list(it.rule_after)},
            }
            for it in planned.shares(found.steps)
        ],
        "access": access_changes.document(found.access),
        "changes": [
            {
                "operation": step.operation,
                "kind": step.resource.kind,
                "name": resource_name(step.urn),
                "destroys": destroys(step),
                "paths": list(step.paths),
            }
            for step in found.changes
        ],
        "violations": [
            {"rule": it.rule, "name": resource_name(it.urn), "message": it.message} for it in found.violations
        ],
    }


# The comment's parts


@dataclass(frozen=True, kw_only=True)
class _Block:
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


def _title(found: Preview) -> str:
    moves = [
        f"{_code(route)} moves from {_code(before)} to {_code(after)}"
        for route, (before, after) in found.stages.items()
        if before and before != after
    ]
    what = "no preview" if found.failure else ", ".join(moves[:3]) or ("changes" if found.changes else "no change")
    return f"{_code(found.stack)}: {what}"


def _summary(found: Preview) -> str:
    if found.failure:
        return "**The config is refused.**" if found.misused else "**The preview failed.**"
    counts = Counter(OpType(step.operation) for step in found.changes)
    unchanged = len(found.steps) - counts.total()
    told = [f"{count} {_WORDS.get(operation, operation.value)}" for operation, count in sorted(counts.items())]
    lost = sum(destroys(step) for step in found.changes)
    parts = [
        f"**{', '.join(told)}**, {unchanged} unchanged."
        if told
        else f"**Nothing would change** ({unchanged} resources).",
        f"**{lost} would be replaced or deleted.**" if lost else "Nothing is replaced or deleted.",
        f"**{len(found.violations)} times a rule is broken.**" if found.violations else "No rule is broken.",
    ]
    return " ".join(parts)


def _blocks(found: Preview) -> Iterator[_Block]:
    if found.failure:
        text = _redacted(found.failure).strip().replace("~~~", "~ ~")[:_FAILURE]
        yield _Block(before=["~~~text"], lines=text.splitlines(), after=["~~~", ""])
        return
    if found.violations:
        lines = [
            f"- **{_plain(resource_name(it.urn))}**: {_plain(it.message)} ({_code(it.rule)})" for it in found.violations
        ]
        yield _Block(before=["**Rules that are broken**", ""], lines=lines, after=[""])
    lost = [step for step in found.changes if destroys(step)]
    if lost:
        lines = [f"- **{_WORDS.get(OpType(step.operation), step.operation)}: {_line(step)}**" for step in lost]
        yield _Block(before=["**Replaced or deleted**", ""], lines=lines, after=[""])
    yield from _routes(found)
    if found.access:
        lines = [
            f"- **{_plain(it.service)}** at {', '.join(map(_code, it.at))}: {_plain(it.words)}" for it in found.access
        ]
        yield _Block(before=["**Who may call what**", ""], lines=lines, after=[""])
    ruled = {(it.route, it.cluster) for it in planned.shares(found.steps) if it.told}
    others = [step for step in found.changes if not destroys(step) and not _is_told(step, ruled)]
    if others:
        lines = [f"- {step.operation} {_line(step)}" for step in others]
        if len(others) <= SHOWN:
            yield _Block(before=["**What else changes**", ""], lines=lines, after=[""])
        else:
            opening = [f"<details><summary>What else changes: {len(others)} resources</summary>", ""]
            yield _Block(before=opening, lines=lines, after=["", "</details>", ""])


def _routes(found: Preview) -> Iterator[_Block]:
    """What changes of each route, a table and a list: one for all the clusters whose callers it is the same for."""
    changed = [it for it in planned.shares(found.steps) if it.before != it.after or it.told]
    for route, of_route in groupby(changed, key=lambda it: it.route):
        alike: dict[str, list[Shares]] = {}
        for it in of_route:
            alike.setdefault(f"{dict(it.before)}{dict(it.after)}{it.told}", []).append(it)
        for same in alike.values():
            clusters = ", ".join(_code(it.cluster) for it in same)
            head = [f"**{_plain(route)}**, calls from {clusters}", ""]
            before, after, told = same[0].before, same[0].after, same[0].told
            if before != after:
                yield _Block(
                    before=[*head, "| to | before | after | |", "|---|---|---|--:|"],
                    lines=[_row(name, before.get(name, 0), after.get(name, 0)) for name in {**after, **before}],
                    after=[""],
                )
            if told:
                lines = [f"- {_plain(line)}" for line in told]
                yield _Block(before=[] if before != after else head, lines=lines, after=[""])


def _row(name: str, before: float, after: float) -> str:
    difference = f"**{after - before:+g}**" if after != before else ""
    return f"| {_code(name)} | `{bar(before)}` {before:g} % | `{bar(after)}` {after:g} % | {difference} |"


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
    route = resource_name(step.resource.parent), planned.cluster_of(step.resource)
    listed = route in ruled and all(path.startswith("spec.http") for path in step.paths)
    return listed or all(path.endswith(".weight") for path in step.paths)


def _line(step: Step) -> str:
    more = f" and {len(step.paths) - 3} more" if len(step.paths) > 3 else ""
    paths = f" ({', '.join(map(_code, step.paths[:3]))}{more})" if step.paths else ""
    return f"{_plain(step.resource.kind)} {_code(resource_name(step.urn))}{paths}"


def _state(found: Preview, now: datetime) -> str:
    if found.recorded is None:
        return "No cluster was asked."
    age = _age((now - found.recorded).total_seconds())
    when = f"{found.recorded:%Y-%m-%d %H:%M} UTC"
    return f"Compared with the state that was recorded on {when}, {age} before this preview; no cluster was asked."


def _age(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return "moments"


def _code(text: str) -> str:
    """``text`` as code, in a table or out of it."""
    return "`" + re.sub(r"[`|\s]+", " ", text)[:120] + "`"


def _plain(text: str) -> str:
    """``text`` as it is read: nothing in it is markup, a link, or calls a person."""
    escaped = html.escape(_redacted(text)[:1000], quote=False)
    return re.sub(r"([\\`*_{}\[\]#|~!])", r"\\\1", " ".join(escaped.split())).replace("@", "&#64;")


def _redacted(text: str) -> str:
    for pattern in _SECRETS:
        text = pattern.sub("[secret]", text)
    return text
