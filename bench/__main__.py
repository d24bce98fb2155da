"""``python -m bench [NAME...]``: runs benchmarks, shows what they find, and writes it to a page."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from bench import machine, report
from bench.measures import ALL
from bench.session import STACK, NothingKnown, Session
from tests.e2e.environment import ROOT, Environment
from toolchain.environment import environment
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from toolchain.progress import report as report_problem

# One that fails is told of, and the others are measured all the same.
_FAILURES = (Problem, OSError, subprocess.SubprocessError, AssertionError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures, beside what a user would do.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)}; default: all")
    parser.add_argument("--short", action="store_true", help="few samples, to see that it works")
    parser.add_argument("--cold", action="store_true", help="make the toolchain anew, in a cache of its own")
    parser.add_argument("--checkout", type=Path, metavar="DIR", help="measure in the environment that is up there")
    parser.add_argument("--stack", default=STACK, help="its stack")
    parser.add_argument("--output", type=Path, metavar="FILE.md", help="page to write, with FILE.json and plots")
    return parser


def _run(options: argparse.Namespace, console: Console) -> list[str]:
    """Runs the benchmarks; returns the names of those that could not be measured."""
    failed: list[str] = []
    # Tools first on PATH, whoever calls.
    os.environ.update(environment(ROOT))
    about = machine.facts(ROOT) | ({"form": "short"} if options.short else {})
    with (
        Progress(Checkout(ROOT).logs) as progress,
        Session(progress, short=options.short, cold=options.cold) as session,
    ):
        if options.checkout:
            given = Environment(options.checkout.absolute(), options.stack, session.folder())
            session.measure_in(given)
        for name in options.names or list(ALL):
            try:
                result = replace(ALL[name](session), machine=about)
            except NothingKnown as nothing:
                progress.say(f"{name}: {nothing}; {nothing.advice}")
                continue
            except _FAILURES as failure:
                failed.append(name)
                progress.say(f"{name} could not be measured: {failure}")
                continue
            report.show(console, result)
            # At once: what is measured is not lost if a later benchmark fails.
            if options.output:
                report.write(options.output, [result])
    return failed


def main() -> NoReturn:
    """Runs the benchmarks. Exits with 1 if one fails, with 2 after a name that is none, with 130 after Ctrl-C."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in ALL]:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}")
    # What was brought up is to be taken down also when a job is cancelled.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What a shell starts in the background ignores SIGINT, and so would Pulumi's plugins, which it then waits 5 s for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        failed = _run(options, Console(highlight=False))
    except Problem as problem:
        report_problem(problem)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
