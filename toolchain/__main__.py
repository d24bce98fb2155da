"""``python -m toolchain``: ensure, env, prune, engine stop. To be run from the checkout's root."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path
from typing import NoReturn

from toolchain.problem import Problem

# What each command needs is imported when it runs: `env` is called by every shell and has to be quick.


def _ensure(root: Path, options: argparse.Namespace) -> None:
    from toolchain.ensure import ensure

    ensure(root, options.stack)


def _env(root: Path, _options: argparse.Namespace) -> None:
    from toolchain.environment import environment

    for name, value in environment(root).items():
        print(f"export {name}={shlex.quote(value)}")


def _prune(root: Path, _options: argparse.Namespace) -> None:
    from toolchain.prune import prune

    for line in prune(root):
        print(line)


def _stop_engine(_root: Path, _options: argparse.Namespace) -> None:
    from toolchain.cache import Cache
    from toolchain.commands import Commands
    from toolchain.engine import Engine
    from toolchain.places import cache_root

    print(Engine(Cache(cache_root()), Commands()).stop())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m toolchain", description="Gets every tool and image of a stack.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, about in (
        ("ensure", _ensure, "get what is missing"),
        ("env", _env, "print the environment for pulumi and kubectl, as shell commands"),
        ("prune", _prune, "remove what this checkout does not use from the cache"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(run=run)
        if run is _ensure:
            command.add_argument("--stack", help="the stack whose mirror is used (vm-mesh:mirror)")
    engine = commands.add_parser("engine", help="the container engine that was started here")
    stop = engine.add_subparsers(required=True, metavar="command").add_parser("stop", help="stop it")
    stop.set_defaults(run=_stop_engine)
    return parser


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Runs one command. Exits with 1 after a problem, told without a traceback, and with 130 after Ctrl-C."""
    options = _parser().parse_args()
    # A job that is cancelled must end what it started, as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.run(Path.cwd(), options)
    except Problem as problem:
        from toolchain.progress import report

        report(problem)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
