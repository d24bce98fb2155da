"""A preview as a comment on a pull request: short, the summary first, and without a value that may be a secret.

Of what changes, names and paths of properties are told and, of values, a route's percents, its rules but for what a
header or a cookie must be, and who may call what; what the policy's rules say holds images and percents. So no secret
gets in, whatever the engine does or does not mark as one.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from pulumi.automation import OpType

from vmmesh import access_changes, planned
from vmmesh.comment_blocks import WORDS, blocks
from vmmesh.previewed import Preview, destroys
from vmmesh.redaction import code, redacted
from vmmesh.urns import resource_name

LIMIT = 65_000
"""Characters. GitHub takes 65,536 in a comment, GitLab 1,000,000."""


def markdown(found: Preview, now: datetime, limit: int = LIMIT) -> str:
    """The comment, at most ``limit`` characters long: the summary always, then as much of the rest as fits."""
    head = [marker(found.stack), f"### {_title(found)}", "", _summary(found), ""]
    foot = ["", f"<sub>{_state(found, now)}</sub>", ""]
    room = limit - sum(len(line) + 1 for line in (*head, *foot))
    body: list[str] = []
    for block in blocks(found):
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
        "failure": redacted(found.failure) or None,
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


def _title(found: Preview) -> str:
    moves = [
        f"{code(route)} moves from {code(before)} to {code(after)}"
        for route, (before, after) in found.stages.items()
        if before and before != after
    ]
    what = "no preview" if found.failure else ", ".join(moves[:3]) or ("changes" if found.changes else "no change")
    return f"{code(found.stack)}: {what}"


def _summary(found: Preview) -> str:
    if found.failure:
        return "**The config is refused.**" if found.misused else "**The preview failed.**"
    counts = Counter(OpType(step.operation) for step in found.changes)
    unchanged = len(found.steps) - counts.total()
    told = [f"{count} {WORDS.get(operation, operation.value)}" for operation, count in sorted(counts.items())]
    lost = sum(destroys(step) for step in found.changes)
    parts = [
        f"**{', '.join(told)}**, {unchanged} unchanged."
        if told
        else f"**Nothing would change** ({unchanged} resources).",
        f"**{lost} would be replaced or deleted.**" if lost else "Nothing is replaced or deleted.",
        f"**{len(found.violations)} times a rule is broken.**" if found.violations else "No rule is broken.",
    ]
    return " ".join(parts)


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
