"""The stack, as the commands use it; every update frees it first from what a killed run has left."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from pulumi import automation
from pulumi.automation import CommandError, ConcurrentUpdateError, EngineEvent
from rich.text import Text

from settings import PROJECT
from toolchain.places import Checkout
from toolchain.problem import Problem
from toolchain.progress import Progress
from vmmesh import recovery, state
from vmmesh.broken_off import BrokenOff
from vmmesh.engine import Engine
from vmmesh.history import Update, once_more, updates
from vmmesh.leftovers import Leftovers
from vmmesh.program import program
from vmmesh.quick_stack import QuickStack
from vmmesh.room import advised
from vmmesh.urns import resource_name
from vmmesh.watch import Watch, errors

OUTPUTS = {"stages", "urls", "gateways", "kubeconfigs", "transports"}
"""What the program exports for the commands."""

_HISTORY = 1000

# Objects that a killed run has made and not recorded are there already. Not set otherwise: what is there
# already is another's. The plugin reads it; the program, which runs in this process, does not see it, so that it is in
# no provider's inputs, where the next update would have to take it away.
_TAKE_OVER = {"PULUMI_K8S_UPSERT_EXISTING_OBJECTS": "true"}


class NoStack(Problem):
    """The stack was never made, it is destroyed, or no update of it has come to its end."""


class Stack:
    """A stack of the checkout at ``root``; the output of the updates goes to the log of the name ``log``.

    What is run for it keeps its temporary files, kubeconfigs among them, where they go with this process; an update
    removes those of processes that were killed. Raises NoStack if there is none, unless it is to be made then.
    """

    def __init__(self, root: Path, name: str, log: str, *, make: bool = False) -> None:
        places = Checkout(root)
        places.logs.mkdir(parents=True, exist_ok=True)
        self.name = name
        self._log = places.logs / f"{log}.log"
        self._log.write_text("")
        self._backend = places.backend
        self._mark = {"VM_MESH_RUN": f"{root}#{name}"}
        scratches = places.state / "tmp" / name
        scratches.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}.", dir=scratches))
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        self._engine = Engine(self._log, {"TMPDIR": str(self._scratch)})
        self._workspace = automation.LocalWorkspace(work_dir=str(root), pulumi_command=self._engine)
        self._root = root
        locks = places.backend / ".pulumi/locks/organization" / PROJECT / name
        self._broken_off = BrokenOff(places.state / f"broken-off.{name}.json")
        interrupted = places.state / f"interrupted.{name}.json"
        self._leftovers = Leftovers(root, interrupted, self._broken_off, locks, self._pulumi)
        try:
            self._stack = QuickStack.opened(name, self._workspace, make=make)
        except automation.StackNotFoundError:
            raise NoStack(f"there is no stack {name}", "run `make up` first") from None

    def outputs(self, export: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The stack's outputs, secrets in plain text: of the state now, or of an ``export`` that has its secrets.

        Raises NoStack if one of them is missing.
        """
        outputs = state.outputs(self.export(secrets=True) if export is None else export)
        if not outputs.keys() >= OUTPUTS:
            raise NoStack(f"the stack {self.name} is not up", "run `make up` first")
        return outputs

    def history(self) -> list[Update]:
        """The last 1,000 things that were done to the stack, each with the config of then."""
        # Without a page size these would be the last ten, whatever the SDK's docstring says.
        return updates(self._stack.history(page_size=_HISTORY, show_secrets=False))

    def preview(self) -> list[EngineEvent]:
        """The events of a preview. Raises Problem if it fails."""
        return self._looked(partial(self._stack.preview, program=program(self._root)))

    def preview_refresh(self) -> list[EngineEvent]:
        """The events of a refresh that changes nothing: what is otherwise than the state says.

        Raises Problem if what the stack holds cannot be asked.
        """
        return self._looked(self._stack.preview_refresh, "the mesh cannot be compared with the state: ")

    def _looked(self, look: Callable[..., object], failed: str = "") -> list[EngineEvent]:
        events: list[EngineEvent] = []
        try:
            look(on_event=events.append, color="never")
        except CommandError as error:
            said = "\n".join(errors(events)) or str(error)
            raise advised(Problem(f"{failed}{said}", f"its log is {self._log}"), self._backend) from None
        return events

    def up(
        self,
        progress: Progress,
        *,
        show_all: bool = False,
        only: Sequence[str] = (),
        again: Sequence[str] = (),
        message: str | None = None,
        one_by_one: bool = False,
    ) -> dict[str, int]:
        """Updates the stack, and shows what takes its time, or all.

        ``only`` are names of resources: if any are given, nothing else is touched. ``again`` are names of commands that
        are run once more, and nothing else. ``message`` is for the stack's history. ``one_by_one``: the next resource
        waits until the one before is done. Returns how often the engine did what. Raises Problem, the first thing that
        failed.
        """
        watch = Watch(progress, self._log, everything=show_all)
        targets, repeated = (self._urns(names) if names else None for names in ([*only, *again], again))
        changes = self._update(
            progress,
            watch,
            lambda: self._stack.up(
                program=program(self._root),
                on_event=watch,
                color="never",
                target=targets,
                replace=repeated,
                message=once_more(again) if again else message,
                parallel=1 if one_by_one else None,
            ),
        )
        if targets is None:  # another one may be yet to come to the objects that are to be taken over
            self._workspace.env_vars = {}
            self._leftovers.forget()
        return changes

    def up_again(self, progress: Progress) -> None:
        """Runs once more what was broken off in the midst of a change. Raises as :meth:`up` does."""
        if broken := self.broken_off():
            progress.say(Text(f"{', '.join(broken)}: broken off by a run that failed or was killed; once more"))
            self.up(progress, again=broken)

    def note(self, message: str, route: str) -> None:
        """Puts a message about a route into the stack's history, by a refresh that looks at nothing in the mesh."""
        urns = [resource["urn"] for resource in self.export()["resources"]]
        component = [urn for urn in urns if urn.endswith(f"vm-mesh:index:Route::{route}")]
        self._engine.variables.update(self._mark)
        try:
            self._stack.refresh(message=message, target=component, color="never")
        finally:
            self._clear_scratch()

    def destroy(self, progress: Progress, environment: dict[str, str]) -> dict[str, int]:
        """Destroys all that the stack holds and that can be. Returns and raises as :meth:`up` does."""
        self._workspace.env_vars = environment
        watch = Watch(progress, self._log)
        changes = self._update(
            progress,
            watch,
            lambda: self._stack.destroy(on_event=watch, color="never", continue_on_error=True),
        )
        self._leftovers.forget()
        return changes

    def remove(self) -> None:
        """Forgets the stack, which must be empty. Its config file stays."""
        self._workspace.remove_stack(self.name, preserve_config=True)

    def export(self, *, secrets: bool = False) -> dict[str, Any]:
        """Resources and pending operations, as Pulumi keeps them; ``secrets``: these in plain text."""
        options = ["--show-secrets"] if secrets else []
        return json.loads(self._pulumi("stack", "export", *options))["deployment"]

    def unfinished(self, export: Mapping[str, Any]) -> bool:
        """Whether an update that was killed has left something to be put right, the state being ``export``."""
        return self._leftovers.there(export)

    def broken_off(self) -> list[str]:
        """Names of commands that were broken off in the midst of a change, and not run since."""
        if not (names := self._broken_off.names()):
            return []
        known = self._known()
        return [name for name in names if name in known]

    def _urns(self, names: Sequence[str]) -> list[str]:
        """URNs of resources. Raises Problem if one is not there."""
        known = self._known()
        for name in names:
            if name not in known:
                raise Problem(f"the stack has no {name} yet", "run `make up` first")
        return [known[name] for name in names]

    def _known(self) -> dict[str, str]:
        """Name -> URN of every resource."""
        return {resource_name(resource["urn"]): resource["urn"] for resource in self.export().get("resources", [])}

    def restore(self, export: Mapping[str, Any]) -> None:
        """Makes the state what an export says, as of ``pulumi stack export``."""
        with tempfile.NamedTemporaryFile("w", dir=self._scratch) as file:  # made with mode 0600
            json.dump(export, file)
            file.flush()
            self._pulumi("stack", "import", "--file", file.name)

    def _update(self, progress: Progress, watch: Watch, act: Callable[[], object]) -> dict[str, int]:
        def say(line: str) -> None:
            progress.say(Text(line, style="yellow"))

        recovery.end_processes(self._mark, say)
        # From here on: what only looks may go on beside an update, which ends all that has the mark.
        self._engine.variables.update(self._mark)
        self._clear_scratch_of_the_dead()
        if self._leftovers.clear(say):
            self._workspace.env_vars = {**self._workspace.env_vars, **_TAKE_OVER}
        with watch:
            try:
                self._leftovers.unlocked(act, say)
            except ConcurrentUpdateError as error:
                recovery.check_holders(str(error))
                raise recovery.Held("the stack is locked by another run", "run again when it has ended") from None
            except CommandError as error:
                raise advised(watch.failure(str(error)), self._log.parent, self._backend) from None
            finally:
                self._clear_scratch()  # the kubernetes plugin leaves its kubeconfigs
                self._note_broken_off(watch, say)
        return dict(watch.changes)

    def _note_broken_off(self, watch: Watch, say: Callable[[str], None]) -> None:
        try:
            self._broken_off.note(watch.broken, watch.ended)
        except OSError as error:  # on a full disk; why the update failed matters more
            say(f"not written down, {error.strerror}: {', '.join(sorted(watch.broken)) or 'nothing'} was broken off")

    def _clear_scratch(self) -> None:
        shutil.rmtree(self._scratch)
        self._scratch.mkdir(mode=0o700)

    def _clear_scratch_of_the_dead(self) -> None:
        folders = list(self._scratch.parent.iterdir())  # listed first, so that whoever made one is known to be alive
        alive = {str(pid) for pid in psutil.pids()}
        for folder in folders:
            if folder.name.partition(".")[0] not in alive:
                shutil.rmtree(folder, ignore_errors=True)  # a run that ends just now removes its own

    def _pulumi(self, *arguments: str) -> str:
        command = [*arguments, "--stack", self.name]
        return self._workspace.pulumi_command.run(command, self._workspace.work_dir, {}).stdout


def stacks(root: Path) -> list[str]:
    """The stacks of this project, in whichever backend is chosen."""
    return [stack.name for stack in automation.LocalWorkspace(work_dir=str(root)).list_stacks()]
