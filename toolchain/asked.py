"""What a stack's config asks for beyond what every stack needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def telemetry(root: Path, stack: str | None) -> tuple[str, ...]:
    """Names of the images that ``vm-mesh:management`` of the stack takes; the config itself is checked elsewhere."""
    file = root / f"Pulumi.{stack}.yaml"
    if stack is None or not file.exists():
        return ()
    document: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    management: Any = (document.get("config") or {}).get("vm-mesh:management")
    if not isinstance(management, dict):
        return ()
    stores = {"accessLogs": "victoria-logs", "traces": "jaeger"}
    found = [image for key, image in stores.items() if management.get(key) is not None]  # pyright: ignore[reportUnknownMemberType]
    return ("otel-collector", *found) if found else ()
