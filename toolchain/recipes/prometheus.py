"""Prometheus, which keeps metrics and, as an agent, reads them."""

from __future__ import annotations

from toolchain import golang, versions
from toolchain.images import ENGINE, PROGRAM, Built, program

VERSION = versions.of("prometheus")
_PACKAGE = f"{VERSION.module}/cmd/prometheus"
# Of the ways to find what is to be read, the one that is used here: the others are most of the program.
_TAGS = "remove_all_sd,enable_kubernetes_sd"
_SERVER = golang.programs(
    "prometheus",
    VERSION,
    golang.modules(VERSION, (_PACKAGE,), tags=_TAGS),
    {"prometheus": _PACKAGE},
    tags=_TAGS,
    variables={"github.com/prometheus/common/version.Version": VERSION.version},
)
# Without the pages of its web interface, which are no part of the module; its API is all there.
IMAGE = Built(
    name="prometheus-image",
    what="the image of Prometheus",
    repository="prometheus",
    version=VERSION.version,
    dockerfile=PROGRAM,
    add=program(_SERVER, "prometheus"),
    ingredients=("prometheus",),
    needs=(ENGINE, _SERVER),
)
