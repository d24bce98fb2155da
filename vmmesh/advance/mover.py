"""Puts the stages of a service in place: in config, stack and mesh alike."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from rich.text import Text

from settings import GateSettings
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import changes
from vmmesh.changes import Change
from vmmesh.mesh import Mesh, connect
from vmmesh.place import Place
from vmmesh.recovery import Held
from vmmesh.routes import Route, route_of
from vmmesh.stack import Stack
from vmmesh.stage import ROUTES_SECONDS, refuse


class Mover:
    """What a walk does to a stack that nobody else is at work on. ``settings`` are the config as it is now."""

    def __init__(self, place: Place, service: str, progress: Progress) -> None:
        self.place = place
        self.service = service
        self.progress = progress
        self.stack = Stack(place.root, place.name, "advance")
        self.settings = place.file.settings()
        self._unedited: str | None = None

    @property
    def route(self) -> Route:
        """The service's route, in the stage that the config has."""
        return route_of(self.settings, self.service)

    def gate(self, stage: str) -> GateSettings | None:
        """The gate of a stage; None: it has none."""
        return self.settings.routes[self.service].gate_of(stage)

    @contextmanager
    def mesh(self) -> Generator[Mesh]:
        """The mesh, for the time of a block."""
        with connect(self.settings, self.stack.outputs()) as mesh:
            yield mesh

    def edit(self, stage: str, *, back: bool = False) -> list[Change]:
        """Edits the config and says what that changes. Whatever ends this leaves the config as it was.

        Raises Problem if something would be destroyed or a rule be broken; the way ``back`` may be of any length.
        """
        file = self.place.file
        before = file.text
        with file.restored_on(BaseException):
            self.settings = file.set_stage(self.service, stage)
            with self.progress.step("preview", f"what {stage} would change"):
                events = self.stack.preview()
                found = changes.changes(events, self.route)
            for line in changes.lines(found):
                self.progress.say(line)
            refuse(found, events, self.settings, allow_jump=back)
        self._unedited = before
        return found

    def take_back_edit(self) -> None:
        """Leaves the config as it was before an edit of which nothing has been applied."""
        if self._unedited is not None:
            self.place.file.write(self._unedited)
            self._unedited = None

    def apply(self, previous: str | None, stage: str) -> None:
        """Updates the stack; if that fails or is interrupted, ``previous`` is put in place again."""
        try:
            self.stack.up(self.progress, show_all=True, message=f"vmmesh: {self.service} {previous} -> {stage}")
        except Held:
            raise
        except (Problem, KeyboardInterrupt):
            self._unedited = None
            if previous is not None:
                self.say(f"the update to {stage} did not come to its end: going back to {previous}", "yellow")
                self.settle(previous, f"vmmesh: {self.service} {stage} -> {previous}, not applied")
            raise
        self._unedited = None

    def settle(self, stage: str, message: str) -> None:
        """Puts a stage in place, in config, stack and mesh. Ctrl-C does not leave it half done, but twice does."""
        self._unedited = None
        self.settings = self.place.file.set_stage(self.service, stage)
        interrupted = False
        try:
            self.stack.up(self.progress, show_all=True, message=message)
        except KeyboardInterrupt:
            interrupted = True
            self.say(f"going back to {stage} comes to its end first; Ctrl-C once more breaks it off", "yellow")
            self.stack.up(self.progress, show_all=True, message=message)
        with self.mesh() as mesh:
            self.wait_for_routes(mesh)
        if interrupted:
            raise KeyboardInterrupt

    def wait_for_routes(self, mesh: Mesh) -> None:
        """Waits until every caller's proxy has the routes of the stage that the config has. Raises Problem."""
        route = self.route
        with self.progress.step("routes", f"until every caller's proxy has the routes of {route.stage}"):
            mesh.wait_for_routes(route, ROUTES_SECONDS)

    def say(self, line: str, style: str = "") -> None:
        """Says something above the steps that are under way."""
        self.progress.say(Text(line, style=style))
