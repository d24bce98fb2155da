"""Extensions as Istio has them: one plugin for each workload that runs an extension, in the clusters that have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from settings.names import VM_LABEL
from settings.stack import Settings


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A WasmPlugin: an extension at one workload of a cluster."""

    extension: str
    cluster: str
    name: str
    """Of the object. No extension and no workload has a dot in its name."""
    namespace: str
    labels: Mapping[str, str]
    """By which the workload is known."""
    vm: str | None = None
    """The VM that it is, and not pods."""


def plugins(settings: Settings) -> list[Plugin]:
    """Every plugin of a config. A VM's sidecar has those of the cluster that it joins, and so only there is one."""
    return [*_of_services(settings), *_of_vms(settings)]


def _of_services(settings: Settings) -> Iterator[Plugin]:
    for extension, it in settings.extensions.items():
        for cluster in filter(it.runs_in, settings.clusters):
            for name, service in settings.services_in(cluster).items():
                if it.is_for_service(name):
                    yield Plugin(
                        extension=extension,
                        cluster=cluster,
                        name=f"{extension}.{name}",
                        namespace=service.namespace,
                        labels={"app": name},
                    )


def _of_vms(settings: Settings) -> Iterator[Plugin]:
    for name, vm in settings.vms.items():
        for extension in settings.extensions_on(name):
            yield Plugin(
                extension=extension,
                cluster=vm.cluster,
                name=f"{extension}.vm.{name}",
                namespace=vm.namespace,
                labels={VM_LABEL: name},
                vm=name,
            )
