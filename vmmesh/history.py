"""Which stages a route has been through, of the stack's own update history.

The backend keeps it beside the state, with each update's config and message: so it is the same on every machine, and
knows of a stage that was set by hand. What a gate says is recorded there too, by an update that changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from settings import PROJECT


@dataclass(frozen=True, kw_only=True)
class Update:
    """An update of the stack that has come to its end."""

    message: str
    stages: Mapping[str, str]
    """Route -> stage, as the config had it then."""
    routes: Mapping[str, Any]


def updates(entries: Iterable[Mapping[str, Any]]) -> list[Update]:
    """Those that succeeded, the oldest first, of what ``pulumi stack history --json`` prints."""
    return [
        Update(
            message=entry["message"],
            stages=_value(entry["config"], "stages"),
            routes=_value(entry["config"], "routes"),
        )
        for entry in reversed(list(entries))
        if entry["result"] == "succeeded" and entry["kind"] in ("update", "refresh")
    ]


def path(history: Iterable[Update], service: str, known: Sequence[str]) -> list[str]:
    """The stages that have led to the last one. To go back to an earlier one takes the later ones off."""
    found: list[str] = []
    for update in history:
        stage = update.stages.get(service)
        if stage in found:
            del found[found.index(stage) + 1 :]
        elif stage is not None and stage in known:
            found.append(stage)
    return found


def before(history: Sequence[Update], service: str, stage: str, known: Sequence[str]) -> str | None:
    """The stage to go back to from ``stage``: by the history, or else by the config's order; None: there is none."""
    led = path(history, service, known)
    if stage in led:
        del led[led.index(stage) :]
    if led:
        return led[-1]
    if any(service in update.stages for update in history) and path(history, service, known)[:1] != [stage]:
        return None
    return known[known.index(stage) - 1] if known.index(stage) else None


def held(service: str, stage: str) -> str:
    """The message that records that a stage has held its gate."""
    return f"vmmesh: {service} has held the gate of {stage}"


def has_held(history: Sequence[Update], service: str, stage: str, weights: Mapping[str, int]) -> bool:
    """Whether the present stage has held its gate since it was taken, with these weights."""
    for update in reversed(history):
        then = update.routes.get(service, {}).get("stages", {}).get(stage)
        if update.stages.get(service) != stage or then != weights:
            return False
        if update.message == held(service, stage):
            return True
    return False


def _value(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    entry = config.get(f"{PROJECT}:{key}", {})
    value = entry.get("objectValue") or entry.get("value") or "{}"
    return json.loads(value) if isinstance(value, str) else value
