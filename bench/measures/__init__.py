"""The benchmarks by name, in the order in which they run: first those that need the machine for themselves."""

from __future__ import annotations

from bench.measures import data_path, entries, growth, mesh, noop, onboarding, stage, toolchain
from bench.session import Measure

ALL: dict[str, Measure] = {
    "mesh": mesh.measure,
    "growth": growth.measure,
    "toolchain": toolchain.measure,
    "stage": stage.measure,
    "noop": noop.measure,
    "data_path": data_path.measure,
    "entries": entries.measure,
    "onboarding": onboarding.measure,
}
