"""Measure the effect of each part of the training: one short run per row, on the same tasks.

    python -m tools.ablation configs/train/ablation --stores STORES --out RUNS
        [--only NAME…] [--tasks 50] [--seed 0] [--markdown FILE]

Trains `base.toml` once for each row of `rows.toml`, with the changes of the row. Finished rows are
not trained again and interrupted ones continue, so the command may be killed and repeated, and
several processes may share the rows with `--only`. Then prints the gradient-free accuracy of each
generator, and its difference from the base, paired by task, with Student's 95 % interval over the
tasks. The base is the mean of all rows that change nothing but the seed. The interval does not
include the effect of the seed of a row's own training; the base rows show how large it is.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.data.output_folder import replace_file
from metaadapter.errors import DataError, UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.training.run_folder import config_differences, open_run
from metaadapter.training.validation import Moment
from tools.ablation_evaluations import Evaluation, accuracy_by_shots, load_evaluations

BASE, ROWS, EMOJI_CLASSES = "base.toml", "rows.toml", "emoji-classes.json"
MEASURED = "ablation.json"

Accuracy = dict[str, dict[int, list[float]]]
"""Evaluation → number of shots → accuracy of each task in %."""


@dataclass(frozen=True, slots=True)
class Row:
    """One training run."""

    name: str
    """The name of the row, and of the folder of its run."""
    asks: str
    """The question that the row answers."""
    overrides: tuple[str, ...] = ()
    """The changes, as `metaadapter train --set` takes them."""
    generator: str | None = None
    """An existing generator, which is measured without training."""

    @property
    def is_base(self) -> bool:
        """True if the row differs from the base only by its seed."""
        seeds_only = all(override.startswith("seed=") for override in self.overrides)
        return self.generator is None and seeds_only


def main() -> None:
    """Train and measure missing rows, and print the tables."""
    args = _arguments()
    torch.set_num_threads(1)
    rows = read_rows(args.configs / ROWS)
    chosen = [row for row in rows if not args.only or row.name in args.only]
    evaluations = load_evaluations(
        args.stores, args.configs / EMOJI_CLASSES, n_tasks=args.tasks, seed=args.seed
    )
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for row in chosen:
            run = args.out / row.name
            if row.generator is None:
                train_row(row, args.configs, args.stores, run, progress)
            generator = load_generator(row.generator or run / "best")
            measure(generator, run, evaluations, args.tasks, args.seed)
            progress.console.print(f"{row.name}: trained and measured")
        measured = read_measured(rows, args.out, args.tasks, args.seed)
        if not any(row.is_base for row, _ in measured.values()):
            progress.console.print("no table: no base row is measured yet")
            return
    table = markdown(measured, evaluations)
    print(table)
    if args.markdown:
        replace_file(args.markdown, table + "\n")


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read the rows of a file; at least one of them must be a base row."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["rows"]
        rows = tuple(
            Row(entry["name"], entry["asks"], tuple(entry.get("set", ())), entry.get("generator"))
            for entry in tables
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected tables [[rows]] with name, asks, and a list set or a generator, "
            f"got {error!r}"
        ) from error
    names = [row.name for row in rows]
    if len(set(names)) < len(names) or not any(row.is_base for row in rows):
        raise DataError(
            f"{path}: expected rows with different names, one without changes, but got {names}"
        )
    return rows


def train_row(row: Row, configs: Path, stores: Path, run: Path, progress: Progress) -> None:
    """Train a row to its end, from the start or from the last saved step."""
    base = configs / BASE
    config = load_config(base, (f"data.root={json.dumps(str(stores.resolve()))}", *row.overrides))
    is_new = not (run / "resolved.json").exists()
    if not is_new:
        _require_same(run, config)
    if _is_finished(run):
        return
    bar = progress.add_task(row.name, total=config.optim.steps)

    def tell(moment: Moment) -> None:
        progress.update(bar, completed=moment.step)

    text = base.read_text(encoding="utf-8") if is_new else None
    train(run, config, config_text=text, device="cpu", tell=tell)


def measure(
    generator: AdapterGenerator,
    run: Path,
    evaluations: Sequence[Evaluation],
    n_tasks: int,
    seed: int,
) -> None:
    """Write the accuracy of the generator into the folder of its run, if it is missing."""
    if _read_accuracy(run, n_tasks, seed) is not None:
        return
    accuracy = {test.name: accuracy_by_shots(generator, test) for test in evaluations}
    document = {"n_tasks": n_tasks, "seed": seed, "accuracy": accuracy}
    run.mkdir(parents=True, exist_ok=True)
    replace_file(run / MEASURED, json.dumps(document) + "\n")


def read_measured(
    rows: Sequence[Row], out: Path, n_tasks: int, seed: int
) -> dict[str, tuple[Row, Accuracy]]:
    """Return row name → (row, accuracy) of all measured rows, in the order of `rows`."""
    accuracies = {row.name: (row, _read_accuracy(out / row.name, n_tasks, seed)) for row in rows}
    return {name: (row, value) for name, (row, value) in accuracies.items() if value is not None}


def markdown(
    measured: Mapping[str, tuple[Row, Accuracy]], evaluations: Sequence[Evaluation]
) -> str:
    """A table of the unseen data sets, and a table of support from another domain.

    Args:
        measured: The measured rows, including at least one base.
        evaluations: The evaluations of these rows.
    """
    parts = []
    for title, is_shift in (("Unseen data sets", False), ("Support of another domain", True)):
        names = [test.name for test in evaluations if test.is_shift is is_shift]
        if names:
            parts.append(f"### {title}\n\n{_table(measured, names)}")
    return "\n\n".join(parts)


def differences(
    accuracy: Accuracy, base: Accuracy, names: Sequence[str]
) -> tuple[list[Estimate], Estimate]:
    """Paired differences from the base in mean accuracy over shots: by evaluation, and the mean."""
    samples = [_mean_over_shots(accuracy[name]) - _mean_over_shots(base[name]) for name in names]
    return [Estimate.over_stores([sample]) for sample in samples], Estimate.over_stores(samples)


def _table(measured: Mapping[str, tuple[Row, Accuracy]], names: Sequence[str]) -> str:
    bases = [accuracy for row, accuracy in measured.values() if row.is_base]
    base = {name: _mean_of([accuracy[name] for accuracy in bases]) for name in names}
    levels = [_mean_over_shots(base[name]) for name in names]
    shown = [*(Estimate.over_stores([level]) for level in levels), Estimate.over_stores(levels)]
    lines = [
        _line(["row", *names, "mean"]),
        "|---" * (len(names) + 2) + "|",
        _line([f"Base, mean of {len(bases)} seeds, accuracy in %", *map(str, shown)]),
    ]
    for row, accuracy in measured.values():
        changes, mean = differences(accuracy, base, names)
        cells = [change.signed() for change in (*changes, mean)]
        lines.append(_line([row.asks, *cells]))
    return "\n".join(lines)


def _mean_of(seeds: Sequence[Mapping[int, list[float]]]) -> dict[int, list[float]]:
    """The mean over seeds of the accuracy of each task, at each number of shots."""
    return {
        n_shot: np.mean([by_shots[n_shot] for by_shots in seeds], axis=0).tolist()
        for n_shot in seeds[0]
    }


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _mean_over_shots(by_shots: Mapping[int, list[float]]) -> np.ndarray:
    mean_T: np.ndarray = np.mean(list(by_shots.values()), axis=0)
    return mean_T


def _read_accuracy(run: Path, n_tasks: int, seed: int) -> Accuracy | None:
    """Read the accuracy of a run on these tasks; `None` if they were not measured yet."""
    if not (run / MEASURED).exists():
        return None
    document = json.loads((run / MEASURED).read_text(encoding="utf-8"))
    if (document["n_tasks"], document["seed"]) != (n_tasks, seed):
        return None
    return {
        name: {int(n_shot): tasks for n_shot, tasks in by_shots.items()}
        for name, by_shots in document["accuracy"].items()
    }


def _is_finished(run: Path) -> bool:
    summary = run / "summary.json"
    return summary.exists() and json.loads(summary.read_bytes())["ending"] != "interrupted"


def _require_same(run: Path, config: TrainConfig) -> None:
    different = config_differences(open_run(run), config)
    if different:
        raise UsageError(
            f"the run {run} was trained with another configuration: {'; '.join(different[:5])}. "
            "Remove the folder to train the row again, or give another --out"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", type=Path, help="folder of base.toml and rows.toml")
    parser.add_argument("--stores", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--markdown", type=Path)
    args = parser.parse_args()
    names = [row.name for row in read_rows(args.configs / ROWS)]
    unknown = sorted(set(args.only) - set(names))
    if args.tasks < 2:
        parser.error("--tasks must be at least 2, because an interval needs two tasks")
    if unknown:
        parser.error(f"no row {unknown[0]!r}; there are: {', '.join(names)}")
    return args


if __name__ == "__main__":
    main()
