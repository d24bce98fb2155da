"""Gets everything that is missing, and says in ``artifacts.json`` where it is."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from toolchain import artifacts, fits, graph, mirror
from toolchain.artifacts import Artifacts
from toolchain.cache import Cache
from toolchain.commands import Commands
from toolchain.engine import Engine
from toolchain.images import ENGINE, EngineImage
from toolchain.mirror import Mirror
from toolchain.places import Checkout, cache_root, pulumi_home
from toolchain.progress import Progress
from toolchain.recipe import Choice, Entry, Recipe, Shop
from toolchain.recipes import debian, istio, kubernetes, machine, management, plugins, policy, tools
from toolchain.recipes.management import ManagementImages
from toolchain.recipes.plugins import point
from toolchain.recipes.workloads import ARCHIVE, ARCHIVE_FILE, BUILT, Workloads
from toolchain.release import Releases
from toolchain.versions import require_linux


def ensure(root: Path, stack: str | None) -> Artifacts:
    """Makes every tool and image ready for the checkout at ``root``, from the mirror of ``stack`` if any.

    Raises Problem (StepFailed if a step did not work), or KeyboardInterrupt; what is done by then is kept.
    """
    started = time.monotonic()
    mirrors = mirror.load(root, stack)
    shop = open_shop(root, mirrors)
    with Progress(shop.checkout.logs) as progress:
        if not shop.engine.answers() and shop.engine.startable():
            graph.make([ENGINE], shop, progress)
        wanted = management.wanted(mirror.stack_config(root, stack))
        plan = Plan(shop, Workloads(mirrors), ManagementImages(mirrors, wanted))
        chosen = plan.choose()
        missing = graph.missing(chosen.values(), shop)
        if debian.BASE_ROOT in missing:
            require_linux()
        if any(recipe.heavy for recipe in missing):
            progress.say(_explanation(shop.releases.unreachable))
        graph.make(missing, shop, progress)
        ready = plan.finish(chosen)
        if missing:
            progress.say(f"Every tool and image is ready, after {time.monotonic() - started:.0f} s.")
        else:
            progress.say("Every tool and image is ready.")
    return ready


def _explanation(unreachable: list[str]) -> str:
    return (
        f"Not reached: {', '.join(unreachable) or 'no host, but some lack a file'}. What cannot be "
        "downloaded is built from package registries, once: that takes 13 minutes on two fast processors, 44 on two "
        "slow ones."
    )


def open_shop(root: Path, mirrors: Mirror) -> Shop:
    """All that recipes work with, for the checkout at ``root``."""
    commands = Commands()
    cache = Cache(cache_root())
    return Shop(Checkout(root), cache, commands, Releases(mirrors, commands), Engine(cache, commands))


class Plan:
    """All that is wanted, and the way to each that is taken."""

    def __init__(self, shop: Shop, workloads: Workloads, managing: ManagementImages) -> None:
        self._shop = shop
        self._workloads = workloads
        self._tools = tools.ALL
        self._node = kubernetes.node(workloads.mirror)
        self._vm = machine.image(workloads.mirror)
        self._images = workloads.choice()
        self._managing = managing

    @property
    def choices(self) -> list[Choice]:
        """Everything that is wanted, what takes longest first."""
        others = (self._node, self._images, istio.SIDECAR_PACKAGE, istio.CHARTS_CHOICE, self._vm)
        return [*others, *self._managing.choices, *(plugin.choice for plugin in plugins.PLUGINS), *self._tools]

    def choose(self) -> dict[str, Recipe]:
        """The ways to all but the tools that the machine has itself, by the names of what they lead to."""
        path = self._own_path()

        def has(tool: Choice) -> bool:
            return fits.on_path(tool.name, path, self._shop.commands) is not None

        def best(choice: Choice) -> Recipe:
            return choice.best(self._shop)

        with ThreadPoolExecutor() as pool:
            found = {tool for tool, there in zip(self._tools, pool.map(has, self._tools), strict=True) if there}
            wanted = [choice for choice in self.choices if choice not in found]
            return {choice.name: way for choice, way in zip(wanted, pool.map(best, wanted), strict=True)}

    def finish(self, chosen: dict[str, Recipe]) -> Artifacts:
        """Puts links to what was chosen, which is all there, into the checkout and into Pulumi's home."""
        shop, checkout = self._shop, self._shop.checkout
        self._link_tools(chosen)
        plugins.install(
            shop,
            pulumi_home(),
            {plugin: cast(Entry, chosen[plugin.choice.name]) for plugin in plugins.PLUGINS},
        )
        policy.install(pulumi_home())
        sidecar = shop.path(cast(Entry, chosen[istio.SIDECAR.name])) / istio.PACKAGE
        point(checkout.sidecar_package, sidecar)
        point(checkout.charts, shop.path(cast(Entry, chosen[istio.CHARTS.name])))
        images = chosen[self._images.name]
        if images is BUILT:
            point(checkout.images, shop.path(ARCHIVE) / ARCHIVE_FILE)
        hub, tag = self._workloads.istio(images)
        official = images is not BUILT and chosen[istio.SIDECAR.name] is istio.SIDECAR_OFFICIAL
        node, vm = (cast(EngineImage, chosen[name]).reference for name in ("node", "vm"))
        ready = Artifacts(
            path=(str(checkout.bin), str(Path(sys.executable).parent)),
            istio=artifacts.Istio(
                version=istio.VERSION.version, hub=hub, tag=tag, proxy="istio" if official else "envoy"
            ),
            charts=str(checkout.charts.relative_to(checkout.root)),
            sidecar_package=artifacts.SidecarPackage(
                path=str(checkout.sidecar_package.relative_to(checkout.root)), sha256=_sha256(sidecar)
            ),
            images={"node": node, "vm": vm, **self._workloads.bookinfo(images)},
            load_images=images is BUILT,
            kind_config=kubernetes.kind_config(),
            management=self._managing.finish(shop, chosen),
        )
        artifacts.save(checkout.root, ready)
        return ready

    def _own_path(self) -> str:
        """PATH without what this project put there: that is not the machine's own."""
        ours = (self._shop.checkout.state, self._shop.cache.root)
        return fits.without(ours, os.environ.get("PATH", os.defpath))

    def _link_tools(self, chosen: dict[str, Recipe]) -> None:
        folder = self._shop.checkout.bin
        targets = {
            program.name: program
            for tool in self._tools
            if tool.name in chosen
            for program in (self._shop.path(cast(Entry, chosen[tool.name])) / "bin").iterdir()
        }
        for name, target in targets.items():
            point(folder / name, target)
        for link in folder.glob("*"):
            if link.name not in targets:
                link.unlink()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
