"""Measure how a generator reacts to bent, rotated and widened copies of features.

    python -m tools.cone STORE… [--generator default] [--tasks 50] [--card FILE]

Bends features in the same way as CLIP, x' = normalise(0.8 w x + o) for pictures and
t' = normalise(0.65 w t + o') for texts. The unit offsets o and o' have the cosine g; a smaller g
makes a wider gap. Cones twice as narrow have w = 0.5, half as narrow w = 2. Prints the accuracy on
the bent features minus that on the straight ones, for the same tasks, as a mean over the stores,
with 95 % intervals over the tasks; and how many answers change, only by rounding in float32, when
all features are rotated or get columns of zeros. `--card` rewrites the part of a model card between
<!-- cone --> and <!-- end of cone -->.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn.functional import pad

from episodes import TaskSource
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.cones import Cones
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.peers.by_name import Peer
from metaadapter.bench.report.template import markdown_table
from metaadapter.generator.pretrained import load_generator
from tools.card_section import rewrite_section
from tools.store_tasks import SHOTS, StoreTasks, load_source

COSINES, WIDTHS = (0.0, 0.25, 0.5), (0.5, 1.0, 2.0)
MOST_CHANGE = 0.5
EXTRA_COLUMNS = 128
Move = Callable[[TaskSource], TaskSource]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--generator", default="default", metavar="NAME|FOLDER")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--card", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    single, double = load_generator(args.generator), load_generator(args.generator).double()
    stores = [StoreTasks.draw(load_source(folder), args.tasks) for folder in args.stores]
    text = report(stores, single.predict, double.predict)
    print(text)
    if args.card:
        rewrite_section(args.card, "cone", text)


def report(stores: list[StoreTasks], method: Peer, exact: Peer) -> str:
    """Return the tables, and a sentence on the largest change; `exact` is `method` in float64."""
    straight = [answer(store, method) for store in stores]
    shots = [k for k in SHOTS if all(k in answers for answers in straight)]
    bends = {f"g = {g}, w = {w}": bend(g, w) for g, w in product(COSINES, WIDTHS)}
    changes: dict[str, dict[int, Estimate]] = {}
    for name, move in track(bends.items(), "bent copies", console=Console(stderr=True)):
        pairs = list(zip(_answers(stores, method, move), straight, strict=True))
        changes[name] = {k: _change([(copy[k], plain[k]) for copy, plain in pairs]) for k in shots}
    doubles = [replace(store, source=_map(store.source, Tensor.double)) for store in stores]
    straight_exact = [answer(store, exact) for store in doubles]
    counts = {}
    for name, move in {"rotated": rotate, f"{EXTRA_COLUMNS} columns of zeros": widen}.items():
        counts[name] = _n_changed(_answers(stores, method, move), straight, shots)
        moved_exact = _answers(doubles, exact, move)
        counts[f"{name}, in float64"] = _n_changed(moved_exact, straight_exact, shots)
    head = ["shots", *map(str, shots)]
    bent = [[name, *(change.signed() for change in row.values())] for name, row in changes.items()]
    n_answers = sum(int(plain[shots[0]].there_TQ.sum()) for plain in straight)
    return "\n\n".join(
        [
            "Points of accuracy, bent less straight:",
            markdown_table(head, bent),
            _worst(changes),
            f"Answers that change, of {n_answers:,}; in float64 none should:",
            markdown_table(head, ([name, *row] for name, row in counts.items())),
        ]
    )


@dataclass(frozen=True, slots=True)
class Answers:
    """The classes chosen for the queries of T tasks, at most Q per task, and the true labels."""

    chosen_TQ: Tensor
    labels_TQ: Tensor

    @property
    def there_TQ(self) -> Tensor:
        """A mask of the places in (T, Q) that hold a query."""
        return self.labels_TQ >= 0

    @property
    def accuracy_T(self) -> np.ndarray:
        """The accuracy of each task in %."""
        n_correct_T = (self.chosen_TQ == self.labels_TQ).sum(-1)
        return (100 * n_correct_T.double() / self.there_TQ.sum(-1)).numpy()


def answer(store: StoreTasks, method: Peer) -> dict[int, Answers]:
    """Return number of shots → the classes that a method chooses."""
    by_shots = {}
    for n_shot in store.shots:
        chosen, labels = [], []
        for batch in store.batches(n_shot):
            weights = method(Support.of_batch(batch, store.source.logit_scale))
            chosen.append(classify(batch.query_TQD, weights).argmax(-1))
            labels.append(batch.query_labels_TQ)
        by_shots[n_shot] = Answers(torch.cat(chosen), torch.cat(labels))
    return by_shots


def bend(cosine: float, width: float) -> Move:
    """Bend features into two cones whose axes have this cosine."""

    def move(source: TaskSource) -> TaskSource:
        cones = Cones((slice(None),), cosine, width)
        return replace(
            source,
            features_nVD=cones.pictures(source.features_nVD),
            text_CD=cones.texts(source.text_CD),
        )

    return move


def rotate(source: TaskSource) -> TaskSource:
    """Rotate all features by the same random rotation."""
    width = source.text_CD.shape[-1]
    draw = torch.Generator().manual_seed(0)
    turn_DD = torch.linalg.qr(torch.randn(width, width, generator=draw, dtype=torch.float64)).Q
    return _map(source, lambda rows: (rows.double() @ turn_DD).to(rows.dtype))


def widen(source: TaskSource) -> TaskSource:
    """Add columns of zeros to all features."""
    return _map(source, lambda rows: pad(rows, (0, EXTRA_COLUMNS)))


def _map(source: TaskSource, change: Callable[[Tensor], Tensor]) -> TaskSource:
    features_nVD, text_CD = change(source.features_nVD), change(source.text_CD)
    return replace(source, features_nVD=features_nVD, text_CD=text_CD)


def _answers(stores: list[StoreTasks], method: Peer, move: Move) -> list[dict[int, Answers]]:
    return [answer(replace(store, source=move(store.source)), method) for store in stores]


def _n_changed(
    copies: list[dict[int, Answers]], straight: list[dict[int, Answers]], shots: list[int]
) -> list[str]:
    pairs = list(zip(copies, straight, strict=True))
    return [
        str(sum(int((copy[k].chosen_TQ != plain[k].chosen_TQ).sum()) for copy, plain in pairs))
        for k in shots
    ]


def _change(pairs: list[tuple[Answers, Answers]]) -> Estimate:
    return Estimate.over_stores([copy.accuracy_T - plain.accuracy_T for copy, plain in pairs])


def _worst(changes: dict[str, dict[int, Estimate]]) -> str:
    name, n_shot, change = max(
        ((name, k, change) for name, row in changes.items() for k, change in row.items()),
        key=lambda change: abs(change[2].mean),
    )
    verdict = "pass" if abs(change.mean) <= MOST_CHANGE else "**miss**"
    return (
        f"Largest change: {change.signed()} with {name} at {n_shot} shots; "
        f"at most {MOST_CHANGE} is wanted: {verdict}."
    )


if __name__ == "__main__":
    main()
