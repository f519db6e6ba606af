"""The precision and recall of `metaadapter doctor --advise` on pictures with known faults.

    python -m benchmarks.advice STORE… [--seeds 20]

The stores are written by `metaadapter encode` on this machine, and their picture files must still
exist. Each draw has ten classes. Prints the tables of docs/explanation/advice.md.
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
    measure_strangers,
)
from benchmarks.altered_pictures import ALTERED
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore

SHOTS = 1, 2, 4, 8, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    stores = {path.name: FeatureStore.open(path) for path in options.stores}
    sets = {name: read(store) for name, store in stores.items()}
    cells = [(name, pictures, n_shot) for name, pictures in sets.items() for n_shot in SHOTS]
    several = [cell for cell in cells if cell[2] > 1]
    n = options.seeds
    table(
        "5 % of the labels wrong, at least one",
        ["set", "shots", "precision", "recall", "points gained by correcting the first"],
        [[name, k, *measure_labels(pictures, k, n)] for name, pictures, k in several],
    )
    table(
        "A picture of another set labelled as a class",
        ["set", "shots", "draws in which it comes first", "false pieces per draw"],
        [
            [
                name,
                k,
                *measure_strangers(pictures, [sets[o] for o in sets if o != name], k, n),
            ]
            for name, pictures, k in (several if len(sets) > 1 else [])
        ],
    )
    table(
        "Two names swapped",
        ["set", "shots", "precision", "recall", "points gained by correcting them"],
        [[name, k, *measure_names(pictures, k, n)] for name, pictures, k in cells],
    )
    table(
        "Unequal numbers of pictures, 1 to the shots",
        [
            "set",
            "shots",
            "draws with advice",
            "points gained by a picture of the first class",
            "of any class",
        ],
        [[name, k, *measure_needs(pictures, k, n)] for name, pictures, k in several],
    )
    table(
        "Pairs of classes, error between the two on other pictures, %",
        ["set", "shots", "pairs reported per draw", "error of these", "of all pairs"],
        [[name, k, *measure_confusions(pictures, k, n)] for name, pictures, k in several],
    )
    table(
        "Unchanged pictures: pieces of advice per draw",
        ["set", "shots", *KINDS],
        [[name, k, *measure_alarms(pictures, k, n)] for name, pictures, k in cells],
    )
    encoders = {store.encoder: FrozenEncoder.load(store.encoder) for store in stores.values()}
    table(
        "Detected copies, among 8 pictures of each class",
        ["set", *ALTERED],
        [
            [name, *measure_copies(pictures, encoders[stores[name].encoder], 8).values()]
            for name, pictures in sets.items()
        ],
    )


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
