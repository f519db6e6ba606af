"""Damages artifacts at random, and counts what the program makes of it.

python -m benchmarks.robustness [--minutes 30] [--trials N] [--only KIND …] [--seed 0]
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.robustness.artifacts import ARTIFACTS
from benchmarks.robustness.damage_trials import FAILURES, DamagedArtifacts, Trial


def main() -> int:
    """Run trials of all kinds in turn; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--trials", type=int, help="of each kind; as many as there is time for")
    parser.add_argument("--only", nargs="+", choices=ARTIFACTS, default=list(ARTIFACTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/robustness.json"), metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)

    end = time.monotonic() + 60 * options.minutes
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as folder:
        artifacts = DamagedArtifacts(Path(folder))
        for number in itertools.count():
            if number == options.trials or time.monotonic() > end:
                break
            for kind in options.only:
                trial = artifacts.trial(kind, (options.seed, number))
                trials.append(trial)
                if trial.outcome in FAILURES:
                    print(f"{kind} {trial.seed}: {trial.what}: {trial.outcome}", file=sys.stderr)

    counts = Counter((trial.artifact, trial.outcome) for trial in trials)
    Console().print(as_table(options.only, counts))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failed = [trial._asdict() for trial in trials if trial.outcome in FAILURES]
    document = {"schema": "metaadapter.robustness/1", "trials": len(trials), "failed": failed}
    options.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def as_table(kinds: list[str], counts: Counter[tuple[str, str]]) -> Table:
    """One line a kind of artifact, one column an outcome."""
    outcomes = ("unchanged", "told", *FAILURES)
    table = Table("artifact", "trials", *outcomes)
    for kind in kinds:
        found = [counts[kind, outcome] for outcome in outcomes]
        table.add_row(kind, *map(str, (sum(found), *found)))
    return table


if __name__ == "__main__":
    sys.exit(main())
