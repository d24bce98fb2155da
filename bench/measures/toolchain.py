"""A cold toolchain: where the minutes go when everything has to be made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.result import Result, Series
from bench.session import NothingKnown, Session, seconds
from tests.e2e.environment import copy_of_checkout
from toolchain.cache import Cache
from toolchain.places import cache_root

_COLD = """\
`make tools` in a copy of the checkout with an empty cache, and with Go's caches empty too: how long each step took, and
how long all of them together, several at once. Images that the container engine has already are not made again. By hand
means the same steps one after the other: their sum."""
_RECORDED = """\
How long each step of the toolchain took when this machine's cache was filled, as the cache has noted it; run
`make bench ONLY=toolchain COLD=1` to have all of it made anew, in a cache of its own, and timed as a whole."""
_SHOWN = 15


def measure(session: Session) -> Result:
    if not session.cold:
        return _result(_noted(Cache(cache_root())), _RECORDED, [])
    cache, root = session.folder(), copy_of_checkout(session.folder())
    variables = {"VM_MESH_CACHE": cache, "GOCACHE": cache / "go-build", "GOMODCACHE": cache / "go-modules"}
    environment = {**os.environ, **{name: str(folder) for name, folder in variables.items()}}
    # Go makes its modules read-only, and what is read-only cannot be removed with the folder.
    environment |= {"GOFLAGS": "-modcacherw", "PATH": _without_ours(os.environ["PATH"])}
    with session.progress.step("toolchain", "make tools, with an empty cache") as step, step.log.open("w") as log:
        command = [sys.executable, "-m", "toolchain", "ensure"]
        whole = seconds(lambda: subprocess.run(command, cwd=root, env=environment, stderr=log, check=True))
    return _result(_noted(Cache(cache)), _COLD, [whole])


def _without_ours(path: str) -> str:
    """PATH without the tools that are links into the cache: they would not be made then."""
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if not folder.endswith("/.state/bin"))


def _noted(cache: Cache) -> dict[str, float]:
    """Step -> seconds, the last time that it was made. Raises NothingKnown if nothing was noted."""
    if not cache.durations.exists():
        raise NothingKnown(
            "the cache was filled before it noted how long things took",
            "run `make bench ONLY=toolchain COLD=1`: it makes all of it anew, in a cache of its own",
        )
    lines: list[dict[str, Any]] = [json.loads(line) for line in Path(cache.durations).read_text().splitlines()]
    return {line["name"]: line["seconds"] for line in lines}


def _result(noted: dict[str, float], how: str, whole: list[float]) -> Result:
    longest = sorted(noted.items(), key=lambda item: -item[1])
    series = [Series(name=name, unit="s", values=[took]) for name, took in longest[:_SHOWN]]
    rest = [took for _, took in longest[_SHOWN:]]
    if rest:
        series.append(Series(name=f"{len(rest)} further steps, together", unit="s", values=[sum(rest)]))
    series.append(Series(name="one after the other", unit="s", values=[sum(noted.values())], ours=False))
    if whole:
        series.insert(0, Series(name="make tools", unit="s", values=whole))
    return Result(name="toolchain", title="the tools, from nothing", how=how, series=series)
