"""The folder of a command: its contents before, after, and now."""

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
from metaadapter.features.store import kept_features
from metaadapter.files.checksums import check_files
from metaadapter.workflow.prediction import query_parts

PAGE = 4096
TEMPORARY = (".new", ".tmp")


class Work:
    """A command's folder, with its contents before and after the undisturbed command."""

    def __init__(self, folder: Path, materials: Materials, writer: Writer) -> None:
        """Run the command once, undisturbed, as the reference for the trials."""
        self.materials, self.writer = materials, writer
        self.disk, self._start, self.scratch = (folder / name for name in ("disk", "start", "said"))
        for new_folder in (folder, self.disk, self.scratch):
            new_folder.mkdir()
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
        """Restore the folder to its contents before the command."""
        shutil.rmtree(self.out, ignore_errors=True)
        if self._start.exists():
            shutil.copytree(self._start, self.out)

    def start(self, *prepare: Callable[[], object], command: Command | None = None) -> Child:
        """Start the command, or another one, in its own process."""
        arguments = (command or self.writer.command)(self.materials, self.out)
        return Child(arguments, self.scratch, self.materials.prepare, do_not_wait, *prepare)

    def run(self, *prepare: Callable[[], object], command: Command | None = None) -> Ending:
        """Run the command, or another one, to its end."""
        return self.start(*prepare, command=command).ended()

    def fault(self, *expected: Content | None) -> str:
        """The fault of the folder compared with the expected contents; "" if it has one of them."""
        try:
            damaged = [
                f"{path.name}: {fault}" for path, fault in check_files(self.out) if fault != ""
            ]
            content = self.read()
            self.writer.kept(self.out)
        except Exception as error:
            return f"cannot be read: {error!r}"
        if damaged:
            return f"damaged: {damaged}"
        if self.writer.is_whole:
            differences = [differing(content, whole) for whole in expected]
        else:
            differences = [differing(content, *expected)]
        return "" if "" in differences else f"not as expected: {' | '.join(differences)}"

    def fault_when_done(self) -> str:
        """The fault of the folder after another run of the command; "" if there is none."""
        was_done = not differing(self.read(), self.new)
        ending = self.run()
        if ending.code and not (self.writer.once and was_done and ending.code in (2, 3)):
            return f"the same command does not continue: {ending}"
        if fault := self.fault(self.new):
            return fault
        names = self._names_now() ^ self._names
        if self.writer.once:  # the command did not write again, so it removed nothing
            names = {name for name in names if not name.endswith(TEMPORARY)}
        if names:
            return f"too many files, or missing ones: {sorted(names)}"
        return ""

    def _names_now(self) -> set[str]:
        return {str(file.relative_to(self.out)) for file in self._files()}

    def _files(self) -> list[Path]:
        return [path for path in self.out.rglob("*") if path.is_file()]

    def read(self) -> Content | None:
        """Read the folder as it is now, in a form that can be compared."""
        return self.writer.read(self.out, self.materials)


def do_not_wait() -> None:
    """Write features and rows at once, and wait only briefly for the lock of another writer.

    The reason is that trials kill or stop a process within a second.
    """
    kept_features.COMMIT_SECONDS = 0.0
    query_parts.PICTURES_AT_ONCE = 2
    files.SECONDS_TO_WAIT = 0.2


def works(folder: Path) -> Callable[[str], Work]:
    """Return a function from the kind of a writer to its work, created when first needed."""
    materials = Materials(folder / "materials")
    return cache(lambda kind: Work(folder / kind, materials, WRITERS[kind]))
