"""What the management cluster keeps of the mesh's calls, asked on the pod that keeps it, by a port-forward."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from settings import MANAGEMENT_NAMESPACE, Settings
from vmmesh.forward import Forward, Forwards
from vmmesh.kubectl import of_last_update
from vmmesh.stackfile import Misuse

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """A moment as people give it: so long ago, or a time of ISO 8601, local if it names no zone. Raises Misuse."""
    ago = re.fullmatch(r"([0-9]{1,6})([smhdw])", text, re.ASCII)
    try:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}) if ago else datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter before the year 1
        raise Misuse(
            f"{text} is no time", "give how long ago, 90s, 30m, 2h or 1d, or a time, 2026-01-31T12:00"
        ) from None


@contextmanager
def store(settings: Settings, kubeconfigs: dict[str, Path], name: str, port: int, key: str) -> Generator[Forward]:
    """What keeps what the config's ``management.<key>`` asks for. Raises Misuse if it asks for nothing."""
    management = settings.management
    if not management.cluster or name not in management.all_services():
        raise Misuse(
            f"nothing is kept: vm-mesh:management has no {key}",
            f"write `{key}: {{}}` below vm-mesh:management in the config, beside its `cluster`, and run `make up`",
        )
    kubeconfig = of_last_update(kubeconfigs, management.cluster)
    with Forwards() as forwards:
        yield forwards.to(kubeconfig, MANAGEMENT_NAMESPACE, f"pod/{name}-0", port, name)
