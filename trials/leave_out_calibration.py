"""Calibration on families of sets that a generator was not trained on: `python trials/leave_out_calibration.py STORES RUNS`.

Expected calibration error over all answers of 100 tasks (15 bins), confidence less accuracy, and accuracy, at 1, 2, 4, 8, 16 shots.
"""
import sys
from pathlib import Path

import numpy as np
import torch

from metaadapter.adapter import Support, classify
from metaadapter.generator import load_generator
from tools.store_tasks import StoreTasks, load_source

LEFT_OUT = {"photographs": ["tiny-imagenet-val"], "things": ["caltech101-train"], "characters": ["omniglot56"],
            "rubbish": ["trashnet6.large"], "pacs": ["pacs-photo.large", "pacs-cartoon.large"],
            "none": ["camtrap-us", "cifar10", "clothing10.large", "caltech101-val"]}


def answers(generator, tasks, source, shots):
    sure, right = [], []
    for batch in tasks.batches(shots):
        weights = generator.predict(Support.of_batch(batch, source.logit_scale, source.blocks))
        there = batch.query_labels_TQ >= 0
        top = classify(batch.query_TQD, weights).double().softmax(-1).max(-1)
        sure.append(top.values[there]); right.append((top.indices == batch.query_labels_TQ)[there].double())
    return torch.cat(sure).numpy(), torch.cat(right).numpy()


def calibration_error(sure, right):
    bins = np.minimum((sure * 15).astype(int), 14)
    return 100 * sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in range(15)) / len(sure)


def main():
    torch.set_num_threads(1)
    stores, runs = map(Path, sys.argv[1:3])
    for family, names in LEFT_OUT.items():
        which = {"left out": runs / family / "best", "trained on": runs / "none" / "best", "closed form": "closed-form"}
        if family == "none":
            which["shipped"] = "default"
            del which["left out"]
        for name in names:
            source = load_source(stores / name)
            tasks = StoreTasks.draw(source, 100, seed=7)
            for label, path in which.items():
                generator, cells = load_generator(path), []
                for shots in tasks.shots:
                    sure, right = answers(generator, tasks, source, shots)
                    cells.append(f"{calibration_error(sure, right):5.1f} ({100 * (sure.mean() - right.mean()):+5.1f}) {100 * right.mean():5.1f}")
                print(f"{name:20} {label:12}", "  ".join(cells), flush=True)


main()
