"""Which stages a route has been through, of the stack's own update history.

The backend keeps it beside the state, with each update's config and message: so it is the same on every machine, and
knows of a stage that was set by hand. That a stage is proven is recorded there too, by a refresh that looks at nothing,
and by way of which stage a VM is upgraded.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pulumi.automation import UpdateSummary

from settings import PROJECT

_ONCE_MORE = "vmmesh: once more: "


@dataclass(frozen=True, kw_only=True)
class Update:
    """An update or a refresh of the stack that has come to its end."""

    message: str
    ended: datetime
    applied: bool
    """Whether it has put the config of then in place; a refresh has not, nor who runs commands once more."""
    stages: Mapping[str, str]
    """Route -> stage, as the config had it then."""
    routes: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A stage that a route has come to, and when the update that did it had ended."""

    stage: str
    since: str
    """By ISO 8601."""


def updates(summaries: Iterable[UpdateSummary]) -> list[Update]:
    """Those that succeeded since the stack was made, the oldest first, of what Pulumi tells the last one first."""
    found: list[Update] = []
    oldest_first = [*summaries]
    oldest_first.reverse()
    oldest_first.sort(key=lambda summary: summary.start_time)  # it is told by the second, so that their order matters
    for summary in oldest_first:
        if summary.result != "succeeded":
            continue
        if summary.kind == "destroy":
            found.clear()
        elif summary.kind in ("update", "refresh"):
            found.append(
                Update(
                    message=summary.message,
                    ended=(summary.end_time or summary.start_time).replace(tzinfo=UTC),
                    applied=summary.kind == "update" and not summary.message.startswith(_ONCE_MORE),
                    stages=_value(summary, "stages"),
                    routes=_value(summary, "routes"),
                )
            )
    return found


def stays(history: Iterable[Update], service: str) -> list[Stay]:
    """The stages that a route has been in, in the order in which it came to them."""
    found: list[Stay] = []
    for update in history:
        stage = update.stages.get(service)
        if update.applied and stage and (not found or found[-1].stage != stage):
            found.append(Stay(stage=stage, since=update.ended.isoformat(timespec="seconds")))
    return found


def path(history: Iterable[Update], service: str, known: Sequence[str]) -> list[str]:
    """The ``known`` stages that have led to the last one. To go back to an earlier one takes the later ones off."""
    found: list[str] = []
    for stay in stays(history, service):
        if stay.stage in found:
            del found[found.index(stay.stage) + 1 :]
        elif stay.stage in known:
            found.append(stay.stage)
    return found


def before(history: Sequence[Update], service: str, stage: str, known: Sequence[str]) -> str | None:
    """The stage to go back to from ``stage``: by the history, or else by the config's order; None: there is none."""
    led = path(history, service, known)
    began_here = led[:1] == [stage]
    if stage in led:
        del led[led.index(stage) :]
    if led:
        return led[-1]
    if stays(history, service) and not began_here:
        return None
    return known[known.index(stage) - 1] if known.index(stage) else None


def proven(service: str, stage: str) -> str:
    """The message that records that a stage is proven: that it has held its gate, if it has one."""
    return f"vmmesh: {service} is proven in {stage}"


def is_proven(history: Sequence[Update], service: str, stage: str, weights: Mapping[str, int]) -> bool:
    """Whether the present stage was proven since it was taken, with these weights."""
    for update in reversed(history):
        then = update.routes.get(service, {}).get("stages", {}).get(stage)
        if update.stages.get(service) != stage or then != weights:
            return False
        if update.message == proven(service, stage):
            return True
    return False


def once_more(names: Iterable[str]) -> str:
    """The message of an update that runs commands once more, and applies nothing of the config."""
    return f"{_ONCE_MORE}{', '.join(names)}"


def upgrading(vm: str, what: str) -> str:
    """The message of an update that is made for the upgrade of a VM."""
    return f"vmmesh: upgrade of {vm}: {what}"


def moved(service: str, here: str, to: str) -> str:
    """What such a message says of a service that goes to another stage; commas are between several."""
    return f"{service} {here} -> {to}"


def left_for(history: Sequence[Update], service: str, stage: str, vm: str, known: Sequence[str]) -> str | None:
    """The one of ``known`` stages that an upgrade of ``vm`` has left for the present one, and not come back to.

    None also if anything else was done to the stack since: who did it knew the stage, and may mean it to stay. Steps
    that are run once more tell nothing of that.
    """
    ours = upgrading(vm, "")
    for update in reversed(history):
        if update.message.startswith(_ONCE_MORE):
            continue
        if not update.message.startswith(ours):
            return None
        moves = update.message.removeprefix(ours).split(", ")
        for here in known:
            if moved(service, here, stage) in moves:
                return here
    return None


def _value(summary: UpdateSummary, key: str) -> Mapping[str, Any]:
    entry = summary.config.get(f"{PROJECT}:{key}")
    return json.loads(entry.value) if entry and not entry.secret else {}
