"""The project's program, run by this process.

The CLI would start a language host, which asks pip for all packages, and then a second Python, which imports what this
one has already: seconds of each preview and each update. ``pulumi up`` by hand does that, and declares the same.
"""

from __future__ import annotations

import runpy
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from threading import Thread

from pulumi.automation import PulumiFn

import components
from settings import PROJECT


def program(root: Path) -> PulumiFn:
    """Declares what the config says of a stack of the checkout at ``root``.

    Its modules are imported while the CLI starts.
    """
    Thread(target=_import_components, daemon=True).start()

    def declare() -> None:
        with chdir(root):
            runpy.run_path(str(root / "__main__.py"), run_name=PROJECT)

    return declare


def _import_components() -> None:
    for module in iter_modules(components.__path__, f"{components.__name__}."):
        import_module(module.name)
