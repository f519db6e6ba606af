"""Commands are killed while they write: the folder must hold the old artifact or the new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.robustness.forked import Changes
from benchmarks.robustness.trial import Verdict
from benchmarks.robustness.work import works
from benchmarks.robustness.writers import WRITERS

MOST_KILLS = 6


class Kills:
    """Each command is killed up to six times in a row, and then runs to its end."""

    KINDS = tuple(WRITERS)

    def __init__(self, folder: Path) -> None:
        self._work = works(folder)

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        work = self._work(kind)
        work.begin()
        moments: list[str] = []
        n_kills, kept = 0, work.writer.kept(work.out)
        for _ in range(rng.integers(1, MOST_KILLS + 1)):
            # Half of the kills come at a random time, half at a random call that changes files.
            if rng.random() < 0.5:
                moment = float(rng.uniform(0, work.seconds))
                ending, when = work.start().ended(kill_after=moment), f"after {moment:.3f} s"
            else:
                at = int(rng.integers(1, work.n_changes + 1))
                ending, when = work.run(Changes(work.out, at).begin), f"at call {at}"
            moments.append(when)
            n_kills += ending.was_killed
            what = f"killed {', '.join(moments)}"
            if not ending.was_killed and ending.code and not work.writer.once:
                return Verdict("did not continue", what, failed=True, detail=str(ending))
            if fault := work.fault(work.old, work.new):
                return Verdict("not whole", what, failed=True, detail=fault)
            before, kept = kept, work.writer.kept(work.out)
            if lost := before - kept:
                return Verdict("lost", what, failed=True, detail=str(sorted(lost)))
        if fault := work.fault_when_done():
            return Verdict("another result", what, failed=True, detail=fault)
        return Verdict(f"whole after {n_kills} kills", what)
