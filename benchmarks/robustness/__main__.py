"""A campaign of random harm, and what the program makes of it.

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

# Threads of a linear algebra library would not survive the forks.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.robustness.damage_trials import DamagedArtifacts
from benchmarks.robustness.full_disk import FullDisk
from benchmarks.robustness.kills import Kills
from benchmarks.robustness.memory_limits import MemoryLimits
from benchmarks.robustness.names import Names
from benchmarks.robustness.pictures import Pictures
from benchmarks.robustness.serve import Serve
from benchmarks.robustness.trial import Section, Verdict
from benchmarks.robustness.two_writers import TwoWriters

SECTIONS: dict[str, type[Section]] = {
    "damage": DamagedArtifacts,
    "kills": Kills,
    "two writers": TwoWriters,
    "full disk": FullDisk,
    "pictures": Pictures,
    "names": Names,
    "memory": MemoryLimits,
    "serve": Serve,
}
KINDS = {f"{name}:{kind}": (name, kind) for name, each in SECTIONS.items() for kind in each.KINDS}


def main() -> int:
    """Run trials of all kinds, each for the same time; 1 if one of them failed."""
    options = _options()
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    found: dict[str, list[Verdict]] = {
        name: [] for name in KINDS if {name, KINDS[name][0]} & {*options.only}
    }
    # Ctrl-C ends it early.
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        for name, number in _turns(found, end, options.trials):
            section, kind = KINDS[name]
            rng = np.random.default_rng((options.seed, options.first + number))
            verdict = _verdict(_section(section, folder), kind, rng)
            found[name].append(verdict)
            if verdict.failed:
                again = _again(name, options.seed, options.first + number)
                said = f"{verdict.what}: {verdict.outcome}: {verdict.detail}"
                print(f"{again}\n  {said}", file=sys.stderr, flush=True)

    Console().print(as_table(found))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failed = [
        {"again": _again(name, options.seed, options.first + number), **verdict._asdict()}
        for name in found
        for number, verdict in enumerate(found[name])
        if verdict.failed
    ]
    trials = {name: Counter(each.outcome for each in found[name]) for name in found}
    document = {"schema": "metaadapter.robustness/2", "trials": trials, "failed": failed}
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def _turns(
    found: dict[str, list[Verdict]], end: float, n_trials: int | None
) -> Iterator[tuple[str, int]]:
    """Whose turn it is, and which trial of its it is: theirs who have had the least time."""
    spent = dict.fromkeys(found, 0.0)
    while (begun := time.monotonic()) < end:
        waiting = [name for name in found if len(found[name]) != n_trials]
        if not waiting:
            return
        name = min(waiting, key=spent.__getitem__)
        yield name, len(found[name])
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


def _again(name: str, seed: int, number: int) -> str:
    """How to repeat a trial."""
    return (
        f"python -m benchmarks.robustness --only {name!r} --seed {seed} --first {number} --trials 1"
    )


def as_table(found: dict[str, list[Verdict]]) -> Table:
    """One line a kind of trials."""
    table = Table("section", "kind", "trials", "failed", "outcomes")
    for name, verdicts in found.items():
        counts = Counter(verdict.outcome for verdict in verdicts)
        outcomes = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(counts.items()))
        n_failed = sum(verdict.failed for verdict in verdicts)
        table.add_row(*KINDS[name], str(len(verdicts)), str(n_failed), outcomes)
    return table


def _options() -> argparse.Namespace:
    names = [*SECTIONS, *KINDS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--trials", type=int, help="of each kind; as many as there is time for")
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--out", type=Path, default=Path("build/robustness.json"), metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
