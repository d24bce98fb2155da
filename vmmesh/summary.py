"""What runs once a stack is up, where to see it, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from settings import MANAGEMENT_NAMESPACE, Settings


def summary(stack: str, settings: Settings, outputs: Mapping[str, Any], changes: Mapping[str, int]) -> dict[str, Any]:
    """What an update has changed and what runs after it, as JSON."""
    urls: Mapping[str, str | None] = outputs["urls"]
    return {
        "stack": stack,
        "changed": {operation: count for operation, count in changes.items() if operation != "same" and count},
        "unchanged": changes.get("same", 0),
        "clusters": {
            name: {
                "network": cluster.network,
                "url": urls.get(name),
                "services": list(settings.services_in(name)),
                "pages": pages(settings, name, urls.get(name)),
            }
            for name, cluster in settings.clusters.items()
        },
        "vms": {
            name: {"cluster": vm.cluster, "network": vm.network, "services": list(vm.services)}
            for name, vm in settings.vms.items()
        },
        "routes": {
            service: {
                "stage": settings.stages[service],
                "percents": settings.weights(service),
                "stages": list(route.stages),
            }
            for service, route in settings.routes.items()
        },
        "management": looked_at(settings),
        "next": next_command(stack, settings),
    }


def pages(settings: Settings, cluster: str, url: str | None) -> dict[str, str]:
    """Where a cluster serves the services that it exposes, each at its first path."""
    services = settings.services_in(cluster).items()
    return {
        name: f"{url.rstrip('/')}{service.ingress_paths[0]}"
        for name, service in services
        if url and service.ingress_paths
    }


def looked_at(settings: Settings) -> dict[str, dict[str, str | None]]:
    """What people look at in the management cluster, each by a port-forward."""
    command = f"kubectl --namespace {MANAGEMENT_NAMESPACE} port-forward deployment"
    return {
        page: {
            "cluster": settings.management.cluster,
            "command": f"{command}/{page} {port}",
            "url": f"http://localhost:{port}",
        }
        for page, port in settings.management.pages().items()
    }


def next_command(stack: str, settings: Settings) -> str:
    """The command that takes the first unfinished migration one stage further, or proves where all stand."""
    where = "" if stack == "dev" else f" STACK={stack}"
    for service, route in settings.routes.items():
        stages = list(route.stages)
        here = stages.index(settings.stages[service])
        if here + 1 < len(stages):
            return f"make stage SERVICE={service} STAGE={stages[here + 1]}{where}"
    return f"make verify{where}"


def in_words(changes: Mapping[str, int]) -> str:
    """What an update has changed, in a few words."""
    words = {"create": "made", "update": "changed", "replace": "replaced", "delete": "removed"}
    parts = [f"{count} {words[operation]}" for operation, count in changes.items() if operation in words and count]
    return ", ".join(parts) or "nothing changed"


def show(console: Console, document: Mapping[str, Any]) -> None:
    """Prints the summary."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "name", "network", "runs"):
        table.add_column(heading)
    for name, cluster in document["clusters"].items():
        table.add_row(
            "cluster", name, cluster["network"], ", ".join(cluster["services"]) or "nothing of the application"
        )
    for name, vm in document["vms"].items():
        table.add_row("VM", name, vm["network"], ", ".join(vm["services"]))
    console.print(table)
    for service, route in document["routes"].items():
        split = ", ".join(f"{name} {percent}%" for name, percent in route["percents"].items() if percent)
        console.print(Text(f"{service} is in stage {route['stage']} ({split})"), soft_wrap=True)
    for name, cluster in document["clusters"].items():
        for service, url in cluster["pages"].items():
            console.print(Text(f"{service} through {name}: {url}"), soft_wrap=True)
    for page, where in document["management"].items():
        text = f"{page} of {where['cluster']}: {where['command']}, then {where['url']}"
        console.print(Text(text), soft_wrap=True)
    console.print(Text(f"Next: {document['next']}"), soft_wrap=True)
