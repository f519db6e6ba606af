"""The folder that a command writes to: as it was before, as it is after, and as it is now."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from benchmarks.robustness.forked import Changes, Child, Ending
from benchmarks.robustness.materials import Materials
from benchmarks.robustness.readers import Content, differing
from benchmarks.robustness.writers import WRITERS, Command, Writer
from metaadapter.adapter import files
from metaadapter.apps.library import folder as library_folder
from metaadapter.data.proof import check_files
from metaadapter.features.store import feature_cache

PAGE = 4096
TEMPORARY = (".new", ".tmp")


class Work:
    """The folder that a command writes to: as before, as after, and as it is now."""

    def __init__(self, folder: Path, materials: Materials, writer: Writer) -> None:
        """Let the command run once as a model for the trials."""
        self.materials, self.writer = materials, writer
        self.disk, self._start, self.scratch = (folder / name for name in ("disk", "start", "said"))
        for each in (folder, self.disk, self.scratch):
            each.mkdir()
        self.out = self.disk / "out"
        if writer.before:
            writer.before(materials, self.out)
            shutil.move(self.out, self._start)
        self.begin()
        self.old = self.read()
        changes = Changes(self.out)
        ending = self.run(changes.begin)
        if ending.code:
            raise RuntimeError(str(ending))
        self.n_changes, self.seconds = changes.number, ending.seconds
        self.new = self.read()
        self.n_pages = sum(file.stat().st_size // PAGE + 1 for file in self._files())
        self._names = self._names_now()

    def begin(self) -> None:
        """Make the folder as it was before."""
        shutil.rmtree(self.out, ignore_errors=True)
        if self._start.exists():
            shutil.copytree(self._start, self.out)

    def start(self, *prepare: Callable[[], object], command: Command | None = None) -> Child:
        """Give the command, or another one, in a process of its own."""
        arguments = (command or self.writer.command)(self.materials, self.out)
        return Child(arguments, self.scratch, self.materials.prepare, do_not_wait, *prepare)

    def run(self, *prepare: Callable[[], object], command: Command | None = None) -> Ending:
        """Give the command, or another one, and wait for its end."""
        return self.start(*prepare, command=command).ended()

    def fault(self, *right: Content | None) -> str:
        """What is wrong with the folder if it should have one of these contents, if anything is."""
        try:
            damaged = [f"{path.name}: {said}" for path, said in check_files(self.out) if said != ""]
            found = self.read()
            self.writer.kept(self.out)
        except Exception as error:
            return f"cannot be read: {error!r}"
        if damaged:
            return f"not proven: {damaged}"
        if self.writer.is_whole:
            others = [differing(found, each) for each in right]
        else:
            others = [differing(found, *right)]
        return "" if "" in others else f"not as it should be: {' | '.join(others)}"

    def fault_when_done(self) -> str:
        """What is wrong with the folder after the command was given once more."""
        was_done = not differing(self.read(), self.new)
        ending = self.run()
        if ending.code and not (self.writer.once and was_done and ending.code in (2, 3)):
            return f"the same command does not go on: {ending}"
        if fault := self.fault(self.new):
            return fault
        left = self._names_now() ^ self._names
        if self.writer.once:  # not written again, nothing was tidied up
            left = {name for name in left if not name.endswith(TEMPORARY)}
        if left:
            return f"files that an unharmed run does not leave, or lacks: {sorted(left)}"
        return ""

    def _names_now(self) -> set[str]:
        return {str(file.relative_to(self.out)) for file in self._files()}

    def _files(self) -> list[Path]:
        return [path for path in self.out.rglob("*") if path.is_file()]

    def read(self) -> Content | None:
        """Read the folder as it is now, in a form that can be compared."""
        return self.writer.read(self.out, self.materials)


def do_not_wait() -> None:
    """In a process that is killed soon, a block of features must not wait for two seconds.

    Nor must a writer wait long for another one, which is stopped.
    """
    feature_cache.FILE_SECONDS = 0.0
    files.SECONDS_TO_WAIT = library_folder.SECONDS_TO_WAIT = 0.2


def works(folder: Path) -> Callable[[str], Work]:
    """The work of each kind of writer in a folder, made when it is first asked for."""
    materials = Materials(folder / "materials")
    return cache(lambda kind: Work(folder / kind, materials, WRITERS[kind]))
