"""How calls are spread over destinations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.model import Model
from settings.values import Destinations, Name, Namespace, UrlPath, Weights


class CallerSettings(Model):
    """Whom a route is for. Callers that it is not for reach the service's pods, wherever they are."""

    namespaces: tuple[Namespace, ...] | None = Field(default=None, min_length=1)
    clusters: tuple[str, ...] | None = Field(default=None, min_length=1)


class RouteSettings(Model):
    """How the calls to a service are spread over its destinations, stage by stage."""

    namespace: Namespace = "default"
    callers: CallerSettings = CallerSettings()
    stages: Annotated[dict[Name, Weights], Field(min_length=1)]
    probe_path: UrlPath | None = None
    """Path behind the ingress whose every answer takes one call of this service; ``verify`` requests it."""
    max_step: Annotated[int, Field(strict=True, ge=1, le=100)] = 100
    """Percent points that a destination may gain in one update."""
    failover: Destinations | None = None
    """Destinations that take the calls of one that fails, the first that serves; default: none."""
