"""From nothing to the mesh with the VM in it: ``make up``, and a straight script that does the same by hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import httpx
import yaml

from bench.result import Bar, Result, Series
from bench.session import PORT, Session, seconds
from bench.watching import wait_until
from tests.e2e.environment import ROOT, Environment
from toolchain import artifacts

_HOW = """\
`make up` in a copy of the checkout, from no cluster to the mesh, with tools and images there already, until the
ingress of both clusters answers with what vm1 serves; then `make down`. By hand: `bench/by_hand/up.sh`, the same two
clusters, one root, Istio, gateways, remote secrets, Bookinfo, VM and route, with the same tools and images, one step
after the other as Istio's pages have them and ended by the same requests; then `down.sh`. In turns, nothing else up.
The script writes no state, shows no preview, checks nothing, and cannot be run a second time."""
_PREFIX = "vm-mesh-by-hand"


def measure(session: Session) -> Result:
    names = ("make up", "make down", "by hand: up", "by hand: down")
    values: dict[str, list[float]] = {name: [] for name in names}
    rounds = session.times(3, 1)
    for turn in range(1, rounds + 1):
        ours, by_hand = session.copy(), variables(session.folder())
        try:
            with session.round("mesh", "make up", turn, rounds):
                values["make up"].append(seconds(lambda ours=ours: _up(ours)))
        finally:
            values["make down"].append(seconds(lambda ours=ours: ours.make("down")))
        # `make down` stops an engine that `make up` has started; the script expects one, as its user would.
        with session.round("mesh", "by hand", turn, rounds):
            subprocess.run(["make", "--no-print-directory", "tools"], cwd=ROOT, capture_output=True, check=True)
            try:
                values["by hand: up"].append(seconds(lambda by_hand=by_hand: _script("up.sh", by_hand)))
            finally:
                values["by hand: down"].append(seconds(lambda by_hand=by_hand: _script("down.sh", by_hand)))
    series = [Series(name=name, unit="s", values=values[name], ours=not name.startswith("by hand")) for name in names]
    ours, theirs = series[0], series[2]
    bar = Bar(
        what="from nothing to the mesh with the VM, worst",
        aim=300,
        found=ours.worst,
        unit="s",
        anchor="kind alone waits 16 s (median of public logs) for each of two clusters",
    )
    note = f"`make up` takes {ours.median / theirs.median:.2f} times as long as the script (medians)."
    return Result(
        name="mesh", title="from nothing to the mesh with the VM", how=_HOW, series=series, bars=[bar], notes=[note]
    )


def _up(environment: Environment) -> None:
    environment.make("up")
    for port in (PORT, PORT + 1):
        url = f"http://127.0.0.1:{port}/api/v1/products/0"
        wait_until(lambda url=url: _serves(url), 0.2)


def _serves(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _script(name: str, variables: dict[str, str]) -> None:
    subprocess.run(["sh", str(ROOT / "bench/by_hand" / name)], env={**os.environ, **variables}, check=True)


def variables(folder: Path) -> dict[str, str]:
    """What the script is told: where the tools and images are that ``make up`` uses too."""
    tools = artifacts.load(ROOT)
    images = {name.upper().replace("-", "_"): image for name, image in tools.images.items()}
    return {
        "WORK": str(folder),
        "PREFIX": _PREFIX,
        "NODE_IMAGE": images["NODE"],
        "KIND_EXTRA": yaml.safe_dump(dict(tools.kind_config)) if tools.kind_config else "",
        "IMAGES": " ".join(tools.local_images),
        "HUB": tools.istio.hub,
        "TAG": tools.istio.tag,
        "PROXY": tools.istio.proxy,
        "SIDECAR": str((ROOT / tools.sidecar_package.path).resolve()),
        "VM_IMAGE": images["VM"],
        "PORT1": str(PORT),
        "PORT2": str(PORT + 1),
        "PRODUCTPAGE": images["PRODUCTPAGE_V1"],
        "DETAILS": images["DETAILS_V1"],
        "RATINGS": images["RATINGS_V1"],
        **{name: image for name, image in images.items() if name.startswith("REVIEWS_")},
    }
