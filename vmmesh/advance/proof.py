"""Whether a stage is kept: it is applied, its calls are verified, and its gate is watched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolchain.problem import Problem
from vmmesh import verify
from vmmesh.advance.gate import Gate, Standing
from vmmesh.advance.gatekeeper import Gatekeeper
from vmmesh.advance.mover import Mover
from vmmesh.judge import Verdict
from vmmesh.mesh import Mesh
from vmmesh.traffic import Stopped

PATIENCE = 3.0
"""A gate that is neither held nor broken when its time is over is watched for so many times that time."""


class NotKept(Exception):
    """A stage is not kept. ``args`` are the reasons."""


class Proof:
    """The proof of the stage that the config has, and what it has come to, also where it has failed."""

    def __init__(self, mover: Mover, requests: int) -> None:
        self.verdicts: Sequence[Verdict] = ()
        self.standings: Sequence[Standing] = ()
        self.detected_seconds: float | None = None
        self._mover = mover
        self._requests = requests
        self._route = mover.route
        self.gate = mover.gate(self._route.stage)

    def run(self, previous: str | None, *, in_place: bool) -> None:
        """Applies the stage in place of ``previous``, unless it is ``in_place``, and proves it. Raises NotKept."""
        with self._mover.mesh() as mesh:
            if self.gate is None:
                self._put_in_place(mesh, previous, in_place=in_place)
                self._verify(mesh, None)
                return
            with Gatekeeper(mesh, Gate(self.gate, self._route), self._mover.place.root) as keeper:
                try:
                    self._put_in_place(mesh, previous, in_place=in_place)
                    keeper.begin()
                    self._verify(mesh, keeper)
                    self._watch(keeper)
                finally:
                    self.standings = keeper.gate.standings

    def _put_in_place(self, mesh: Mesh, previous: str | None, *, in_place: bool) -> None:
        if not in_place:
            self._mover.apply(previous, self._route.stage)
        try:
            self._mover.wait_for_routes(mesh)
        except Problem as problem:
            raise NotKept(str(problem)) from problem

    def _verify(self, mesh: Mesh, keeper: Gatekeeper | None) -> None:
        if self._route.probe_path is None:
            return
        try:
            self.verdicts = verify.verify(
                mesh,
                [self._route],
                self._requests,
                self._mover.progress,
                stop=keeper.broken if keeper else None,
                # Where a gate says how many calls may fail, it judges that.
                answers=keeper is None or keeper.gate.settings.success_rate is None,
            )
        except Stopped:
            assert keeper
            raise self._broken(keeper) from None
        if keeper and keeper.broken.is_set():
            raise self._broken(keeper)
        if wrong := [line for verdict in self.verdicts for line in verdict.reasons]:
            raise NotKept(*wrong)

    def _watch(self, keeper: Gatekeeper) -> None:
        stage, seconds = self._route.stage, keeper.gate.settings.duration
        with self._mover.progress.step("gate", f"whether {stage} holds its gate for {seconds} s") as step:
            is_held = keeper.wait(PATIENCE, lambda line: _append(step.log, line))
        if not is_held:
            raise self._broken(keeper)

    def _broken(self, keeper: Gatekeeper) -> NotKept:
        self.detected_seconds = keeper.detected_seconds
        return NotKept(*keeper.why)


def _append(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(f"{line}\n")
