"""Trial: thresholds of known and of sets, and calibration, where labelled pictures come from elsewhere.

Run: STORES=folder python -m tools.trials.known_shift OUT.json TASKS
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

import metaadapter.generator.generator as generator_module
from metaadapter.adapter.known import known_logits, prediction_sets
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator

torch.set_num_threads(1)
PHOTO, CARTOON = "pacs-photo.large", "pacs-cartoon.large"
TESTS = "test-flowers17", "test-grocery", "test-dtd10"
POOLS = "none", "clean", "strangers", "third"
MEASURED = generator_module.with_pool_thresholds


@cache
def load(name):
    store = FeatureStore.open(Path(os.environ["STORES"]) / name)
    rows, labels = store.mean_features()
    return store, torch.from_numpy(np.array(rows)).float(), np.asarray(labels)


def draw(a, b, seed, n_query=12, n_pool=100, stranger_share=0.4):
    rng = np.random.default_rng([seed, 91])
    store, rows_a, labels_a = load(a)
    _, rows_b, labels_b = load(b)
    text = store.class_texts()
    classes = sorted(set(labels_a) & set(labels_b) & set(text))
    # PACS has seven classes: two of them are strangers.
    n_way = 5 if len(classes) == 7 else 7
    most = 16 if len(classes) == 7 else 10
    ways = list(rng.permutation(classes)[:n_way])
    shots = [rng.permutation(np.flatnonzero(labels_a == c))[:most] for c in ways]
    same_pictures = a.split(".")[0] == b.split(".")[0] and "test" in a
    queries, truth, free = [], [], []
    for way, c in enumerate(ways):
        left = np.flatnonzero(labels_b == c)
        if same_pictures:
            left = np.setdiff1d(left, shots[way])
        left = rng.permutation(left)
        n = min(n_query, len(left) // 2)
        queries.append(left[:n])
        truth += [way] * n
        free.append(left[n:])
    clean = np.concatenate([left[: -(-n_pool // n_way)] for left in free])
    clean = rng.permutation(clean)[:n_pool]
    n_third = round(n_way / 3)
    third = np.concatenate([left[: n_pool // n_third] for left in free[:n_third]])
    others = rng.permutation(np.flatnonzero(~np.isin(labels_b, ways)))
    n_strangers = round(len(clean) * stranger_share)
    n_asked = min(len(truth), len(others) // 2)
    strangers = others[n_asked : n_asked + n_strangers]
    mixed = np.concatenate([clean[: len(clean) - n_strangers], strangers])
    return {
        "shots": torch.stack([rows_a[index] for index in shots]),
        "text": torch.stack([torch.from_numpy(text[c]) for c in ways]).float(),
        "blocks": store.blocks,
        "scale": store.logit_scale,
        "query": rows_b[np.concatenate([*queries, others[:n_asked]])],
        "truth": np.array(truth + [-1] * n_asked),
        "most": most,
        "pools": {"clean": rows_b[clean], "strangers": rows_b[mixed], "third": rows_b[third]},
    }


def figures(generator, task, n_shot, pool):
    """The figures by the thresholds of the labelled pictures, and by those measured on the pool."""
    support = Support.of_tasks(
        task["shots"][None, :, :n_shot],
        task["text"][None],
        logit_scale=task["scale"],
        blocks=task["blocks"],
    )
    if pool != "none":
        support = support.with_pool(task["pools"][pool])
    before = []

    def measured(weights, *others):
        before.append(weights)
        return MEASURED(weights, *others)

    generator_module.with_pool_thresholds = measured
    after = generator.predict(support)
    return [_figures(weights, task) for weights in (*before, after)[-2:]]


def _figures(weights, task):
    query, truth = task["query"][None], task["truth"]
    logits = classify(query, weights)
    is_known = truth >= 0
    score = known_logits(query, weights, logits)[0].numpy()
    passes = score >= float(torch.logit(weights.reject_threshold[0]))
    p = logits.softmax(-1)
    sets = prediction_sets(p, weights, 0.9)[0].numpy()[is_known]
    p = p[0].numpy()[is_known]
    return {
        "confidence": p.max(-1).tolist(),
        "correct": (p.argmax(-1) == truth[is_known]).tolist(),
        "kept": passes[is_known].tolist(),
        "strangers that pass": passes[~is_known].tolist(),
        "AUROC": [roc_auc_score(is_known, score)],
        "in set": sets[np.arange(len(sets)), truth[is_known]].tolist(),
        "set size": sets.sum(-1).tolist(),
    }


def summary(parts):
    values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    confidence, correct = values["confidence"], values["correct"].astype(float)
    bins = np.clip((confidence * 15).astype(int), 0, 14)
    errors = [
        abs(confidence[bins == b].mean() - correct[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    means = {name: float(value.mean()) for name, value in values.items()}
    gap = means["confidence"] - means["correct"]
    return {**means, "gap": gap, "ECE": float(sum(errors))}


def main(out, n_tasks, generator_name="default"):
    generator = load_generator(generator_name)
    across = [(PHOTO, CARTOON), (CARTOON, PHOTO)]
    for name in TESTS:
        for change in ("edges", "gray40"):
            across += [(name, f"{name}.{change}"), (f"{name}.{change}", name)]
    result = {}
    for a, b in [*across, *((name, name) for name in TESTS)]:
        cells = defaultdict(list)
        for seed in range(n_tasks):
            task = draw(a, b, seed)
            for column, n_shot in (("1", 1), ("4", 4), ("16", task["most"])):
                for pool in POOLS:
                    both = figures(generator, task, n_shot, pool)
                    for name, part in zip(
                        ("labelled", "measured")[-len(both) :], both, strict=True
                    ):
                        cells[f"{a}|{b}|{pool}|{name}|{column}"].append(part)
        result |= {key: summary(parts) for key, parts in cells.items()}
        Path(out).write_text(json.dumps(result))
        print(a, b, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
