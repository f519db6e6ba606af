"""Run random trials that try to make the program fail or return wrong results.

python -m benchmarks.robustness [--minutes 30] [--trials N] [--only NAME …] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

# The threads of linear algebra libraries do not survive a fork.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.robustness.damage_trials import DamagedArtifacts
from benchmarks.robustness.full_disk import FullDisk
from benchmarks.robustness.kills import Kills
from benchmarks.robustness.memory_limits import MemoryLimits
from benchmarks.robustness.outputs import Outputs
from benchmarks.robustness.page_project import DamagedProject
from benchmarks.robustness.serve import Serve
from benchmarks.robustness.shared_damage import DamagedShared
from benchmarks.robustness.trial import Section, Verdict
from benchmarks.robustness.two_writers import TwoWriters

SECTIONS: dict[str, type[Section]] = {
    "damage": DamagedArtifacts,
    "shared damage": DamagedShared,
    "page project": DamagedProject,
    "kills": Kills,
    "two writers": TwoWriters,
    "full disk": FullDisk,
    "outputs": Outputs,
    "memory": MemoryLimits,
    "serve": Serve,
}
KINDS = {
    f"{name}:{kind}": (name, kind) for name, section in SECTIONS.items() for kind in section.KINDS
}


def main() -> int:
    """Run trials of all kinds, with equal time for each kind; return 1 if a trial failed."""
    options = _options()
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    verdicts: dict[str, list[Verdict]] = {
        name: [] for name in KINDS if {name, KINDS[name][0]} & {*options.only}
    }
    # Ctrl-C ends the run early.
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        for name, number in _turns(verdicts, end, options.trials):
            section, kind = KINDS[name]
            rng = np.random.default_rng((options.seed, options.first + number))
            verdict = _verdict(_section(section, folder), kind, rng)
            verdicts[name].append(verdict)
            if verdict.failed:
                command = _repeat(name, options.seed, options.first + number)
                line = f"{verdict.what}: {verdict.outcome}: {verdict.detail}"
                print(f"{command}\n  {line}", file=sys.stderr, flush=True)

    Console().print(as_table(verdicts))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failed = [
        {"again": _repeat(name, options.seed, options.first + number), **verdict._asdict()}
        for name in verdicts
        for number, verdict in enumerate(verdicts[name])
        if verdict.failed
    ]
    trials = {name: Counter(verdict.outcome for verdict in verdicts[name]) for name in verdicts}
    document = {"schema": "metaadapter.robustness/1", "trials": trials, "failed": failed}
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def _turns(
    verdicts: dict[str, list[Verdict]], end: float, n_trials: int | None
) -> Iterator[tuple[str, int]]:
    """Yield the kind that has used the least time so far, and the number of its next trial."""
    spent = dict.fromkeys(verdicts, 0.0)
    while (begun := time.monotonic()) < end:
        waiting = [name for name in verdicts if len(verdicts[name]) != n_trials]
        if not waiting:
            return
        name = min(waiting, key=spent.__getitem__)
        yield name, len(verdicts[name])
        spent[name] += time.monotonic() - begun


@cache
def _section(name: str, folder: str) -> Section:
    (place := Path(folder, name)).mkdir()
    return SECTIONS[name](place)


def _verdict(section: Section, kind: str, rng: np.random.Generator) -> Verdict:
    try:
        return section.trial(kind, rng)
    except (Exception, SystemExit):
        return Verdict("crash", "", failed=True, detail=traceback.format_exc(limit=-4))


def _repeat(name: str, seed: int, number: int) -> str:
    """The command that repeats a trial."""
    return (
        f"python -m benchmarks.robustness --only {name!r} --seed {seed} --first {number} --trials 1"
    )


def as_table(by_kind: dict[str, list[Verdict]]) -> Table:
    """A table with one row for each kind of trial."""
    table = Table("section", "kind", "trials", "failed", "outcomes")
    for name, verdicts in by_kind.items():
        counts = Counter(verdict.outcome for verdict in verdicts)
        outcomes = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(counts.items()))
        n_failed = sum(verdict.failed for verdict in verdicts)
        table.add_row(*KINDS[name], str(len(verdicts)), str(n_failed), outcomes)
    return table


def _options() -> argparse.Namespace:
    names = [*SECTIONS, *KINDS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--trials", type=int, help="trials of each kind; by default as many as time allows"
    )
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--out", type=Path, default=Path("build/robustness.json"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
