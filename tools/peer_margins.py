"""A generator beside its peers, on the same tasks of feature stores.

    python -m tools.peer_margins STORE… [--generator default] [--tasks 50] [--seed 0]
        [--only NAME,NAME] [--json FILE] [--card FILE]

All classes of a store up to 20, 15 queries a class; the support of few shots is the beginning of
that of many, and the queries stay. Prints the tables of `tools.peer_margins_table`; `--only` names
the peers to measure, `--generator` is a name or a folder, and `--card` rewrites the part of a model
card between <!-- margins --> and <!-- end of margins -->.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from metaadapter.adapter import Support, classify
from metaadapter.atomic_files import replace_file
from metaadapter.baselines import META_PEERS, PEERS, Peer
from metaadapter.evaluation.calibration import calibration_error
from metaadapter.evaluation.methods import load_method
from metaadapter.generator import load_generator
from tools.card_section import rewrite_section
from tools.peer_margins_table import Measured, document, markdown
from tools.store_tasks import StoreTasks, load_source

__all__ = ["measure"]


def main() -> None:
    """Measure and print."""
    args = _arguments()
    torch.set_num_threads(1)
    methods = {name: load_method(name).fit for name in args.only or PEERS}
    methods["generator"] = load_generator(args.generator).predict
    measured: dict[str, dict[str, dict[int, Measured]]] = {}
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for folder in args.stores:
            tasks = StoreTasks.draw(load_source(folder), args.tasks, args.seed)
            measured[folder.name] = {name: {} for name in methods}
            pairs = [(name, n_shot) for name in methods for n_shot in tasks.shots]
            for name, n_shot in progress.track(pairs, description=folder.name):
                measured[folder.name][name][n_shot] = measure(methods[name], tasks, n_shot)
    tables = markdown(measured)
    print(tables)
    if args.card:
        rewrite_section(args.card, "margins", tables)
    if args.json:
        facts = {"generator": args.generator, "n_tasks": args.tasks, "seed": args.seed}
        replace_file(args.json, json.dumps(facts | document(measured)) + "\n")


def measure(method: Peer, tasks: StoreTasks, n_shot: int) -> Measured:
    """Accuracy of each task, and the calibration error over all queries."""
    accuracy, confidence, correct = [], [], []
    for batch in tasks.batches(n_shot):
        weights = method(Support.of_batch(batch, tasks.source.logit_scale))
        confidence_TQ, predicted_TQ = classify(batch.query_TQD, weights).softmax(-1).max(-1)
        there_TQ = batch.query_labels_TQ >= 0
        correct_TQ = predicted_TQ == batch.query_labels_TQ
        accuracy.append(100 * correct_TQ.sum(-1).double() / there_TQ.sum(-1))
        confidence.append(confidence_TQ[there_TQ])
        correct.append(correct_TQ[there_TQ])
    error = calibration_error(torch.cat(confidence).numpy(), torch.cat(correct).numpy())
    return Measured(torch.cat(accuracy).numpy(), 100 * error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--generator", default="default", metavar="NAME|FOLDER")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=lambda names: names.split(","))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--card", type=Path)
    args = parser.parse_args()
    unknown = sorted(set(args.only or ()) - {*PEERS, *META_PEERS})
    if args.tasks < 2:
        parser.error("an interval needs at least two tasks")
    if unknown:
        parser.error(f"no peer {unknown[0]!r}; there are: {', '.join([*PEERS, *META_PEERS])}")
    return args


if __name__ == "__main__":
    main()
