"""A route over half an hour: a migration from a VM, with a fault in it and a time without calls."""

from __future__ import annotations

from datetime import UTC, datetime

from vmmesh.history import Stay
from vmmesh.picture.shown import Kind
from vmmesh.picture.timeline import Curve, Part, Timeline

START = 1_795_581_000.0
MOMENTS = [START + 15 * at for at in range(121)]
STAGES = {"vm-only": -600, "canary": 300, "kubernetes": 900}
SHARES = {"vm-only": (1.0, 0.0), "canary": (0.75, 0.25), "kubernetes": (0.0, 1.0)}
FAULT = (450, 600)
SILENCE = 1500


def timeline(*, destinations: tuple[str, str] = ("vm1", "cluster1"), stages: dict[str, int] | None = None) -> Timeline:
    """With names of any length."""
    stages = STAGES if stages is None else stages
    stays = [
        Stay(stage=stage, since=datetime.fromtimestamp(START + after, UTC).isoformat(timespec="seconds"))
        for stage, after in stages.items()
    ]
    kinds = (Kind.VM, Kind.CLUSTER)
    curves = [_curve(name, kind, index) for index, (name, kind) in enumerate(zip(destinations, kinds, strict=True))]
    return Timeline(stack="dev", moments=MOMENTS, parts=[Part(service="details", curves=curves, stays=stays)])


def _curve(name: str, kind: Kind, index: int) -> Curve:
    calls = [_calls(moment - START, index) for moment in MOMENTS]
    failed = [
        None if value is None else value / 5 if FAULT[0] <= moment - START < FAULT[1] and index else 0.0
        for moment, value in zip(MOMENTS, calls, strict=True)
    ]
    times = [5.0 if value else None for value in calls]
    return Curve(
        destination=name, kind=kind, calls=calls, failed=failed, p50=times, p99=[it and it * 4 for it in times]
    )


def _calls(after: float, index: int) -> float | None:
    if after >= SILENCE:
        return None
    stage = [name for name, since in STAGES.items() if since <= after][-1]
    return 40 * SHARES[stage][index]
