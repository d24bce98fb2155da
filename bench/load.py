"""Istio's load generator: brought to clusters and machines, and run there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.environment import ROOT
from toolchain import graph, mirror
from toolchain.ensure import open_shop
from toolchain.problem import Problem
from toolchain.progress import Progress
from toolchain.recipes import fortio

CONNECTIONS = 16


def ready(progress: Progress) -> Path:
    """Makes the program and its image, unless they are there; returns where the program is."""
    shop = open_shop(ROOT, mirror.load(ROOT, None))
    graph.make(graph.missing([fortio.IMAGE], shop), shop, progress)
    return shop.path(fortio.LOAD) / "bin" / "fortio"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a run has found: milliseconds by percentile, and requests a second."""

    median: float
    p99: float
    rate: float


def run(caller: Sequence[str], url: str, rate: int, seconds: int) -> Load:
    """Calls ``url`` by ``caller``, so many times a second; 0: as fast as it is answered.

    Raises Problem if an answer was none: then it is not the path that was measured.
    """
    options = ["-qps", str(rate), "-c", str(CONNECTIONS), "-t", f"{seconds}s", "-p", "50,99", "-loglevel", "Error"]
    command = [*caller, "fortio", "load", *options, "-json", "-", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"fortio cannot call {url}: {done.stderr[-1000:]}", "see whether the environment is well")
    return parse(done.stdout, url)


def parse(output: str, url: str) -> Load:
    """What fortio says in JSON. Raises Problem if a request has failed."""
    found: dict[str, Any] = json.loads(output)
    if codes := {code: count for code, count in found["RetCodes"].items() if code != "200"}:
        raise Problem(f"calls of {url} were answered with {codes}", "see whether the environment is well")
    by_percentile = {it["Percentile"]: 1000 * it["Value"] for it in found["DurationHistogram"]["Percentiles"]}
    return Load(median=by_percentile[50], p99=by_percentile[99], rate=found["ActualQPS"])
