"""The disk is full while a command writes: an error must say so, and the old artifact stays."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.robustness.trial import Verdict
from benchmarks.robustness.work import PAGE, Work, works
from benchmarks.robustness.writers import WRITERS

AMPLE = 1 << 30
CONDITIONS = ("No space left on device", "File too large")


class FullDisk:
    """A command writes to a disk in memory that may be too small, and then to a large one.

    If this process may not mount disks, a limit on the size of files is used instead.
    """

    KINDS = tuple(WRITERS)

    def __init__(self, folder: Path) -> None:
        self._work = works(folder)
        (place := folder / "try").mkdir()
        with _disk(place):
            self._has_disks = place.is_mount()

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        work = self._work(kind)
        space = int(rng.integers(2 * work.n_pages + 2)) * PAGE
        shutil.rmtree(work.out, ignore_errors=True)
        if not self._has_disks:
            limit = int(space * rng.random())
            work.begin()
            return self._judge(work, f"files of at most {limit} bytes", lambda: _limit(limit))
        with _disk(work.disk):
            work.begin()
            _resize(work.disk, shutil.disk_usage(work.disk).used + space)
            return self._judge(work, f"{space} bytes free on the disk", lambda: None)

    def _judge(self, work: Work, what: str, prepare: Callable[[], object]) -> Verdict:
        ending = work.run(prepare)
        is_reported = ending.code == 3 and any(words in ending.err for words in CONDITIONS)
        if ending.code and not is_reported:
            return Verdict("fault", what, failed=True, detail=str(ending))
        if fault := work.fault(*([work.old] if is_reported else []), work.new):
            return Verdict("not whole", what, failed=True, detail=f"{ending.code}: {fault}")
        if self._has_disks:
            _resize(work.disk, AMPLE)
        if fault := work.fault_when_done():
            return Verdict("does not continue", what, failed=True, detail=fault)
        kind = "a small disk" if self._has_disks else "a limit to the size of files"
        return Verdict(f"{'error with' if is_reported else 'enough with'} {kind}", what)


@contextmanager
def _disk(place: Path) -> Iterator[None]:
    """Mount a disk in memory at `place`, if this process may."""
    options = ["-t", "tmpfs", "-o", f"size={AMPLE}", "robustness", str(place)]
    mounted = subprocess.run(["mount", *options], check=False, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", place], check=True)


def _resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={max(size, PAGE)}", disk], check=True)


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
