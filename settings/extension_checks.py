"""What extensions must be to the rest of a config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from settings.entries import object_in, objects_in, repeated, texts_in, unknown
from settings.mistakes import KeyPath, Mistake, shown


def mistakes_in_extensions(
    extensions: Mapping[str, Any], application: Mapping[str, Any], vms: Mapping[str, Any], clusters: Mapping[str, Any]
) -> Iterator[Mistake]:
    """Sums that are missing, and what is named and does not exist. As in :class:`settings.checks.CrossChecks`."""
    for name, extension in objects_in(extensions).items():
        path: KeyPath = ("extensions", name)
        yield from _in_sum(path, extension)
        reached = list(texts_in((*path, "clusters"), extension.get("clusters")))
        for where, cluster in reached:
            yield from unknown(where, cluster, "cluster", clusters)
        yield from repeated(reached, "is the same cluster as")
        yield from _in_workloads((*path, "workloads"), extension, application, vms, clusters)


def _in_sum(path: KeyPath, extension: Mapping[str, Any]) -> Iterator[Mistake]:
    module = extension.get("module")
    if not isinstance(module, str):
        return
    if module.startswith("oci://"):
        if "sha256" in extension:
            yield (*path, "sha256"), "is of no use with an image, whose digest is its sum; remove it"
    elif "sha256" not in extension:
        yield (*path, "sha256"), "is missing; only an image has its sum in its name (`sha256sum FILE` prints a file's)"


def _in_workloads(
    path: KeyPath,
    extension: Mapping[str, Any],
    application: Mapping[str, Any],
    vms: Mapping[str, Any],
    clusters: Mapping[str, Any],
) -> Iterator[Mistake]:
    if "workloads" not in extension:
        return
    workloads = object_in(extension["workloads"])
    if isinstance(extension["workloads"], dict) and not workloads.keys() & {"services", "vms"}:
        yield path, "needs 'services', 'vms' or both; without 'workloads' it is for all"
    # Whatever is named and does not exist is one mistake, and not a second one here.
    named = {name for _, name in texts_in((), extension.get("clusters"))}
    reached = named & clusters.keys() or {*clusters}
    services, machines = (list(texts_in((*path, key), workloads.get(key))) for key in ("services", "vms"))
    for where, name in services:
        yield from unknown(where, name, "service in the application", application)
        entry = object_in(application.get(name))
        runs = entry.get("clusters")
        homes = {home for _, home in texts_in((), runs)} if isinstance(runs, list | tuple) else {*clusters}
        if name in application and homes <= clusters.keys() and not homes & reached:
            yield where, f"{shown(name)} runs in none of the extension's clusters"
    for where, name in machines:
        yield from unknown(where, name, "VM", vms)
        home = object_in(vms.get(name)).get("cluster")
        if isinstance(home, str) and home in clusters and home not in reached:
            yield where, f"{shown(name)} joins {shown(home)}, which is none of the extension's clusters"
    yield from repeated(services, "is the same service as")
    yield from repeated(machines, "is the same VM as")
