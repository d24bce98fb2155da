"""Istio's own load generator. Only the benchmarks ask for it."""

from __future__ import annotations

from toolchain import golang, versions
from toolchain.images import ENGINE, PROGRAM, Built, program

FORTIO = versions.of("fortio")
LOAD = golang.programs("fortio", FORTIO, golang.modules(FORTIO, (FORTIO.module,)), {"fortio": FORTIO.module})
IMAGE = Built(
    name="fortio-image",
    what="the image of fortio",
    repository="fortio",
    version=FORTIO.version,
    dockerfile=PROGRAM,
    add=program(LOAD, "fortio"),
    ingredients=("fortio",),
    needs=(ENGINE, LOAD),
)
