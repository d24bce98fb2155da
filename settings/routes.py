"""How calls are spread over destinations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.model import Model
from settings.rules import RuleSettings
from settings.values import Name, Namespace, UrlPath, Weights


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
    rule: RuleSettings = RuleSettings()
    """How calls are treated in every stage."""
    rules: dict[str, RuleSettings] = {}
    """Stage -> what is different in it."""

    def rule_in(self, stage: str) -> RuleSettings:
        """How calls are treated in a stage."""
        return self.rule.but(self.rules.get(stage, RuleSettings()))
