"""Finds nothing to do in a stack of no cluster: ``python -m bench.nothing preview|up FOLDER``, as `make up` would.

A process of its own, as each command is one, in which the program runs too (``vmmesh/program.py``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from pulumi.automation import OpType

from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import planned
from vmmesh.stack import Stack


def main(action: str, folder: Path) -> None:
    stack = Stack(folder, "dev", "growth")
    if action == "preview":
        nothing = planned.nothing(stack.preview())
    else:
        with Progress(Checkout(folder).logs) as progress:
            nothing = stack.up(progress).keys() <= {OpType.SAME.value}
    if not nothing:
        raise Problem(f"{action} finds something to do", "see bench/growing.py")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
