"""What a second image tower adds, by the length of its block. Trial: `python trials/second_length.py STORES`.

The stores are of `metaadapter encode SET --encoder tiny+timm:tf_efficientnet_lite1/FILE`; 40 tasks a set of all classes up
to 20, 15 queries a class, accuracy in % at 1, 2, 4, 8, 16 shots.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from metaadapter.adapter import Support, classify
from metaadapter.generator import Generator, load_generator
from tools.store_tasks import StoreTasks, load_source

SETS = [
    "caltech101-val",
    "clothing10.large",
    "trashnet6.large",
    "pacs-cartoon.large",
    "camtrap-us",
    "cifar10",
]
LENGTHS = (0.0, 0.5, 0.8, 1.0, 1.4, 2.0)


def scaled(X, widths, length, centre):
    parts = list(torch.split(X, list(widths), -1))
    for place in (2, 5):
        block = normalize(parts[place] - centre[place], dim=-1) if centre else parts[place]
        size = parts[place].norm(dim=-1, keepdim=True)
        parts[place] = length * block * (size if centre else 1)
    return normalize(torch.cat(parts, -1), dim=-1)


def main():
    torch.set_num_threads(1)
    methods = {"closed form": Generator(), "shipped": load_generator("default")}
    totals = {}
    for name in SETS:
        source = load_source(Path(sys.argv[1]) / name)
        tasks = StoreTasks.draw(source, 40, seed=3)
        for length in LENGTHS:
            for label, method in methods.items():
                row = []
                for shots in tasks.shots:
                    right = []
                    for batch in tasks.batches(shots):
                        again = type(batch)(
                            scaled(batch.support_TNKD, source.blocks, length, None),
                            batch.support_mask_TNK,
                            scaled(batch.query_TQD, source.blocks, length, None),
                            batch.query_labels_TQ,
                            batch.text_TND,
                            batch.class_mask_TN,
                        )
                        weights = method.predict(
                            Support.of_batch(again, source.logit_scale, source.blocks)
                        )
                        there = again.query_labels_TQ >= 0
                        right.append(
                            (
                                classify(again.query_TQD, weights).argmax(-1)
                                == again.query_labels_TQ
                            ).sum(-1)
                            / there.sum(-1)
                        )
                    row.append(100 * float(torch.cat(right).mean()))
                totals.setdefault((label, length), []).append(row)
                print(
                    f"{name:20} {label:12} {length:4}",
                    " ".join(f"{x:5.1f}" for x in row),
                    flush=True,
                )
    for (label, length), rows in totals.items():
        print("mean", label, length, np.mean(rows, 0).round(1))


main()
