"""How right the advice of `metaadapter doctor --advise` is, on pictures with known faults.

    python -m benchmarks.advice STORE… [--seeds 20]

Stores are those of `metaadapter encode`, made on this machine, their picture files still there.
Each draw is of ten classes. Prints the tables of docs/explanation/advice.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.advice.draws import read
from benchmarks.advice.measures import (
    KINDS,
    measure_alarms,
    measure_confusions,
    measure_copies,
    measure_labels,
    measure_names,
    measure_needs,
)
from benchmarks.altered_pictures import ALTERED
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore

SHOTS = 1, 2, 4, 8, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    stores = {path.name: FeatureStore.open(path) for path in given.stores}
    sets = {name: read(store) for name, store in stores.items()}
    cells = [(name, some, n_shot) for name, some in sets.items() for n_shot in SHOTS]
    several = [cell for cell in cells if cell[2] > 1]
    n = given.seeds
    table(
        "5 % of the labels wrong, at least one",
        ["set", "shots", "precision", "recall", "points won by putting the first right"],
        [[name, k, *measure_labels(some, k, n)] for name, some, k in several],
    )
    table(
        "Two names swapped",
        ["set", "shots", "precision", "recall", "points won by putting them right"],
        [[name, k, *measure_names(some, k, n)] for name, some, k in cells],
    )
    table(
        "Unequal numbers of pictures, 1 to the shots",
        ["set", "shots", "draws with advice", "points won by a picture of the first class", "any"],
        [[name, k, *measure_needs(some, k, n)] for name, some, k in several],
    )
    table(
        "Pairs of classes, error between the two on other pictures, %",
        ["set", "shots", "pairs told a draw", "error of those", "of all pairs"],
        [[name, k, *measure_confusions(some, k, n)] for name, some, k in several],
    )
    table(
        "Pictures as they are: pieces of advice a draw",
        ["set", "shots", *KINDS],
        [[name, k, *measure_alarms(some, k, n)] for name, some, k in cells],
    )
    encoders = {store.encoder: FrozenEncoder.load(store.encoder) for store in stores.values()}
    table(
        "Copies that are told of, among 8 pictures of each class",
        ["set", *ALTERED],
        [
            [name, *measure_copies(some, encoders[stores[name].encoder], 8).values()]
            for name, some in sets.items()
        ],
    )


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
