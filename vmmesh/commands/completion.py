"""What a shell completes: names in the config of the checkout. A config that cannot be read has none."""

from __future__ import annotations

import typer

from settings import Settings, SettingsError
from toolchain.problem import Problem
from vmmesh.place import ROOT
from vmmesh.stackfile import StackFile


def stacks(incomplete: str) -> list[str]:
    """Stacks that have a config."""
    names = (file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in ROOT.glob("Pulumi.*.yaml"))
    return sorted(name for name in names if name.startswith(incomplete))


def services(ctx: typer.Context, incomplete: str) -> list[str]:
    """Services that have a route."""
    settings = _settings(ctx)
    return [name for name in settings.routes if name.startswith(incomplete)] if settings else []


def stages(ctx: typer.Context, incomplete: str) -> list[str]:
    """Stages of the service that is named, or of all."""
    settings = _settings(ctx)
    routes = settings.routes if settings else {}
    service = ctx.params.get("service")
    of = [routes[service]] if service in routes else routes.values()
    return list(dict.fromkeys(stage for route in of for stage in route.stages if stage.startswith(incomplete)))


def _settings(ctx: typer.Context) -> Settings | None:
    try:
        return StackFile(ROOT, ctx.params.get("stack") or "dev").settings()
    except (SettingsError, Problem):
        return None
