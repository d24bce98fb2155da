"""What a stack's config asks for beyond what every stack needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import yaml


def telemetry(root: Path, stack: str | None) -> tuple[str, ...]:
    """Names of the images that ``vm-mesh:management`` of the stack takes; the config itself is checked elsewhere."""
    file = root / f"Pulumi.{stack}.yaml"
    if stack is None or not file.exists():
        return ()
    document = cast(dict[str, Any] | None, yaml.safe_load(file.read_text()))
    config: dict[str, Any] = (document or {}).get("config") or {}
    management = config.get("vm-mesh:management")
    if not isinstance(management, dict):
        return ()
    asked = cast(dict[str, Any], management)
    stores = {"accessLogs": "victoria-logs", "traces": "jaeger"}
    found = [image for key, image in stores.items() if asked.get(key) is not None]
    return ("otel-collector", *found) if found else ()
