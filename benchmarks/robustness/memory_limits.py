"""Memory is scarce while a command writes: it must give a correct result, or an error."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np

from benchmarks.robustness.trial import Verdict
from benchmarks.robustness.work import works
from benchmarks.robustness.writers import WRITERS

MIB = 1 << 20


class MemoryLimits:
    """A command runs with a random limit on its additional address space."""

    KINDS = tuple(WRITERS)

    def __init__(self, folder: Path) -> None:
        self._work = works(folder)

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        work = self._work(kind)
        work.begin()
        more = int(MIB * 2 ** rng.uniform(-6, 6))
        what = f"{more / MIB:.2f} MiB more"
        ending = work.run(lambda: _limit(more))
        if ending.code in (1, 2) or ending.code < 0:
            return Verdict("fault", what, failed=True, detail=str(ending))
        if fault := work.fault(*([work.old] if ending.code else []), work.new):
            return Verdict("not whole", what, failed=True, detail=f"{ending.code}: {fault}")
        if fault := work.fault_when_done():
            return Verdict("does not continue", what, failed=True, detail=fault)
        return Verdict("error" if ending.code else "enough", what)


def _limit(more: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    size = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
