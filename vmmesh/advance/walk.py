"""One walk through the stages of a service, on a stack that nobody else is at work on."""

from __future__ import annotations

import time
from collections.abc import Sequence

from toolchain.problem import Problem
from vmmesh.advance.mover import Mover
from vmmesh.advance.order import Order, last_of
from vmmesh.advance.proof import NotKept, Proof
from vmmesh.advance.steps import Advanced, Step
from vmmesh.api_servers import await_api_servers
from vmmesh.history import Update, before, is_proven, proven
from vmmesh.mesh import wanted
from vmmesh.stackfile import Misuse


class Walk:
    """One run: looks at config, stack and mesh, makes them agree, and goes on from there."""

    def __init__(self, mover: Mover, order: Order) -> None:
        self._mover = mover
        self._service = mover.service
        self._order = order
        self._stages = list(mover.settings.routes[mover.service].stages)

    def run(self) -> Advanced:
        """Advances as ordered."""
        here, applied, history = self._look("where config, stack and mesh are")
        last = last_of(self._mover.settings, self._service, self._order)
        done = Advanced(service=self._service, stage=here)
        if self._is_going_back(here, applied):
            return self._finish_going_back(done, applied)
        if here != applied:
            self._mover.say(f"the config says {here}, but {applied} is in place: going on from there")
            if not self._took(done, applied if applied in self._stages else None, here):
                return done
        elif not self._present_is_proven(done, here, history):
            return done
        if done.steps and not self._order.far:  # what was begun before was the one step that is asked for
            return done
        while self._index(done.stage) < last:
            gate = self._mover.gate(done.stage)
            if done.steps and gate and gate.pause:
                done.end = "paused"
                done.message = f"the gate of {done.stage} says to pause here; the next `vmmesh advance` goes on"
                return done
            if not self._took(done, done.stage, self._stages[self._index(done.stage) + 1]):
                return done
        return done

    def back(self) -> Advanced:
        """Goes to the stage before."""
        here, applied, history = self._look("which stage was before")
        done = Advanced(service=self._service, stage=here)
        if self._is_going_back(here, applied):
            return self._finish_going_back(done, applied)
        to = applied if here != applied and applied in self._stages else self._before(history, here)
        if to is None:
            raise Misuse(f"{self._service} has been in no stage before {here}", "nothing was changed")
        return self._went_back(done, here, to, "asked for", "it was asked for")

    def _look(self, what: str) -> tuple[str, str, Sequence[Update]]:
        """The stage that the config has, the one that the last update has put in place, and the history."""
        mover = self._mover
        with mover.progress.step("look", what):
            state = mover.stack.export(secrets=True)
            outputs = mover.stack.outputs(state)
            history = mover.stack.history()
        await_api_servers(state, mover.settings, mover.progress.say)
        return mover.route.stage, outputs["stages"].get(self._service, "nothing"), history

    def _index(self, stage: str) -> int:
        return self._stages.index(stage)

    def _before(self, history: Sequence[Update], stage: str) -> str | None:
        return before(history, self._service, stage, self._stages)

    def _is_going_back(self, here: str, applied: str) -> bool:
        """Whether the config is at an earlier stage than the stack: somebody has begun to go back."""
        return applied in self._stages and self._index(here) < self._index(applied)

    def _finish_going_back(self, done: Advanced, applied: str) -> Advanced:
        self._mover.say(f"{applied} was being taken back to {done.stage}: finishing that")
        self._went_back(done, applied, done.stage, "begun before", "it was begun before")
        done.end = "rolled back"
        done.message = f"an interrupted way back from {applied} is finished; the next `vmmesh advance` tries it again"
        return done

    def _went_back(self, done: Advanced, stage: str, to: str, note: str, why: str) -> Advanced:
        began = time.monotonic()
        found = self._mover.edit(to, back=True)
        self._mover.settle(to, f"vmmesh: {self._service} {stage} -> {to}, {note}")
        took = time.monotonic() - began
        done.stage = to
        done.steps.append(
            Step(
                before=to,
                stage=stage,
                outcome="rolled back",
                seconds=took,
                changes=found,
                why=[why],
                restored_seconds=took,
            )
        )
        return done

    def _present_is_proven(self, done: Advanced, here: str, history: Sequence[Update]) -> bool:
        """Mends a mesh that is apart from the stack, and proves the present stage if nobody has."""
        route = self._mover.route
        with self._mover.mesh() as mesh:
            apart = any(have != wanted(route, proxy) for proxy, have in mesh.routes(route).items())
        if apart:
            self._mover.say(f"the callers' proxies are not all in {here}: applying it again")
            self._mover.edit(here)
            self._mover.settle(here, f"vmmesh: {self._service} {here}, applied again")
        previous = self._before(history, here)
        weights = self._mover.settings.weights(self._service)
        if previous is None or is_proven(history, self._service, here, weights):
            return True
        self._mover.say(f"{here} is in place, but not proven yet")
        return self._took(done, previous, here, in_place=True)

    def _took(self, done: Advanced, previous: str | None, stage: str, *, in_place: bool = False) -> bool:
        """Takes a stage, and notes what became of it. Returns whether it is kept."""
        began = decided = time.monotonic()
        found = [] if in_place else self._mover.edit(stage)
        proof = Proof(self._mover, self._order.requests)
        why: list[str] = []
        try:
            proof.run(previous, in_place=in_place)
        except NotKept as reason:
            decided = time.monotonic()
            why = [str(line) for line in reason.args]
            self._take_back(previous, stage, why)
        except BaseException:
            self._mover.take_back_edit()
            raise
        if not why:
            with self._mover.progress.step("record", f"in the stack's history that {stage} is proven"):
                self._mover.stack.note(proven(self._service, stage), self._service)
        now = time.monotonic()
        done.steps.append(
            Step(
                before=previous,
                stage=stage,
                outcome="rolled back" if why else "kept",
                seconds=now - began,
                changes=found,
                verdicts=proof.verdicts,
                standings=proof.standings,
                why=why,
                detected_seconds=proof.detected_seconds,
                restored_seconds=now - decided if why else None,
            )
        )
        if why and previous:
            done.end, done.stage, done.message = "rolled back", previous, f"{stage} was not kept: {why[0]}"
        else:
            done.stage = stage
        return not why

    def _take_back(self, previous: str | None, stage: str, why: Sequence[str]) -> None:
        for line in why:
            self._mover.say(line, "red")
        if previous is None:
            raise Problem(f"{stage} is not kept: {why[0]}", "there is no stage before it to go back to")
        self._mover.settle(previous, f"vmmesh: {self._service} {stage} -> {previous}, rolled back: {why[0]}"[:500])
