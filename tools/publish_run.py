"""Writes what an outsider needs to check an evaluation: the figures of each task, and one set.

python -m tools.publish_run RUN STORE --method "ridge towards text@joint" --out docs/data
    writes docs/data/rows.csv.gz, the accuracy and the log loss of each task in RUN, and
    docs/data/STORE.npz with the joint features, texts and draws of one set of RUN, and the accuracy
    of one method in each of its tasks (docs/how-to/check-our-figures.md)
python -m tools.publish_run RUN --compare docs/data/rows.csv.gz
    compares another run with these figures, task by task; the exit code is 1 if they differ
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from metaadapter.bench.evaluation.sets.store_sets import set_of_store
from metaadapter.files.checksums import file_hash

TASK = ["method", "store", "n_shot", "seed", "task"]
FIGURES = ["accuracy", "nll"]
DIGITS = 5
# Other processors round otherwise, which may change the answer to single queries.
TOLERANCE = 0.002


def figures_of(run: Path) -> pd.DataFrame:
    """Return the figures of each task of a run, rounded."""
    return pd.read_csv(run / "rows.csv", usecols=[*TASK, *FIGURES])[[*TASK, *FIGURES]].round(DIGITS)


def compare(run: Path, published: Path) -> pd.DataFrame:
    """Return, for each method and number of shots in both, the published and the new mean accuracy.

    Raises:
        ValueError: No task is in both.
    """
    both = pd.read_csv(published).merge(figures_of(run), on=TASK, suffixes=("_published", ""))
    if both.empty:
        raise ValueError(
            f"expected tasks of {published} in {run}, got none; take its configuration"
        )
    columns = ["accuracy_published", "accuracy"]
    means = both.groupby(["method", "n_shot"], sort=False)[columns].mean()
    tasks = both.groupby(["method", "n_shot"], sort=False).size()
    equal = (both["accuracy_published"] - both["accuracy"]).abs() < 10.0**-DIGITS
    same = equal.groupby([both["method"], both["n_shot"]], sort=False).sum()
    return means.assign(tasks=tasks, equal_tasks=same).reset_index()


def one_set(run: Path, store: Path, method: str) -> dict[str, np.ndarray]:
    """Return the joint features of a set, and its tasks in a run with the accuracies of a method.

    Pictures are the numbers of rows of `features`. `support` (tasks, classes, shots) is in the
    order in which the shots count, `queries` (tasks, classes, queries); `ways` (tasks, classes) are
    numbers of classes.
    """
    data = set_of_store(store).joint
    draws = pd.read_csv(
        run / "draws.csv.gz",
        usecols=["store", "seed", "task", "way", "class", "role", "shot", "picture"],
    )
    draws = draws[draws["store"] == data.name].sort_values(["seed", "task", "way", "shot"])
    rows = figures_of(run).query("method == @method and store == @data.name")
    if rows.empty or draws.empty:
        raise ValueError(f"{run} has no figures of {method} on {data.name}")
    n_tasks = draws.groupby(["seed", "task"]).ngroups
    shape = n_tasks, draws["way"].nunique(), -1
    number = {name: position for position, name in enumerate(data.classes)}
    parts = {role: draws[draws["role"] == role] for role in ("support", "query")}
    first = parts["support"].drop_duplicates(["seed", "task", "way"])
    shots = np.sort(rows["n_shot"].unique())
    accuracy = rows.sort_values(["seed", "task", "n_shot"])["accuracy"].to_numpy()
    return {
        "features": data.look_up(torch.arange(len(data.labels_n))).numpy().astype(np.float16),
        "sha256": data.contents_n.astype(str),
        "labels": data.labels_n.astype(np.int16),
        "classes": np.array(data.classes),
        "texts": data.text_CD.numpy().astype(np.float32),
        "ways": first["class"].map(number).to_numpy(np.int16).reshape(shape[:2]),
        "support": parts["support"]["picture"].to_numpy(np.int16).reshape(shape),
        "queries": parts["query"]["picture"].to_numpy(np.int16).reshape(shape),
        "shots": shots.astype(np.int16),
        "accuracy": accuracy.reshape(n_tasks, len(shots)).astype(np.float32),
    }


def main() -> int:
    """Publish a run, or compare it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("store", type=Path, nargs="?")
    parser.add_argument("--method", default="ridge towards text@joint")
    parser.add_argument("--out", type=Path, default=Path("docs/data"))
    parser.add_argument("--compare", type=Path, metavar="ROWS")
    options = parser.parse_args()
    try:
        if options.compare is not None:
            return print_comparison(options.run, options.compare)
        publish(options.run, options.store, options.method, options.out)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    return 0


def print_comparison(run: Path, published: Path) -> int:
    """Print `compare`; return 1 if a mean accuracy differs by more than `TOLERANCE`."""
    table = compare(run, published)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    differs = (table["accuracy"] - table["accuracy_published"]).abs() > TOLERANCE
    print(f"{int(differs.sum())} of {len(table)} mean accuracies differ by more than {TOLERANCE}")
    return int(differs.any())


def publish(run: Path, store: Path | None, method: str, out: Path) -> None:
    """Write the figures of a run, and one of its sets, into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    files = [out / "rows.csv.gz"]
    figures_of(run).to_csv(files[0], index=False, compression={"method": "gzip", "mtime": 0})
    if store is not None:
        files.append(out / f"{store.name}.npz")
        np.savez_compressed(files[1], **one_set(run, store, method))
    for file in files:
        print(file, f"{file.stat().st_size:,} bytes, SHA-256 {file_hash(file)}")


if __name__ == "__main__":
    sys.exit(main())
