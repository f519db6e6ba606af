"""Recall of a class with more and more pictures beside eight classes with few.

python -m tools.trials.uneven_shots STORE… [--tasks 20]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator

N_WAY, N_QUERY, FEW, MANY = 9, 15, (1, 4, 16), (1, 4, 16, 64, 100)
METHODS = {name: load_generator(name).predict for name in ("default", "closed-form")}
METHODS |= {name: PEERS[name] for name in ("GDA", "ridge towards text", "text + mean")}

parser = argparse.ArgumentParser()
parser.add_argument("stores", nargs="+", type=Path)
parser.add_argument("--tasks", type=int, default=20)
args = parser.parse_args()
torch.set_num_threads(1)
figures: dict[tuple, list] = {}
for few in FEW:
    for folder in args.stores:
        store = FeatureStore.open(folder)
        features, labels = store.mean_features()
        texts, rows = store.class_texts(), torch.from_numpy(np.array(features)).float()
        random = np.random.default_rng([3, few])
        for _ in range(args.tasks):
            classes = random.permutation(sorted(set(labels) & set(texts)))[:N_WAY]
            own = [random.permutation(np.flatnonzero(np.asarray(labels) == c)) for c in classes]
            query = rows[np.concatenate([places[-N_QUERY:] for places in own])]
            truth = torch.arange(N_WAY).repeat_interleave(N_QUERY)
            text = torch.stack([torch.from_numpy(texts[c]) for c in classes]).float()
            for many in (m for m in MANY if m >= few):
                shots = [min(n, len(p) - N_QUERY) for n, p in zip([many] + [few] * 8, own)]
                pictures = torch.zeros(1, N_WAY, max(shots), rows.shape[1])
                for number, (count, places) in enumerate(zip(shots, own)):
                    pictures[0, number, :count] = rows[places[:count]]
                support = Support.of_tasks(
                    pictures,
                    text[None],
                    (torch.arange(max(shots)) < torch.tensor(shots)[:, None])[None],
                    logit_scale=store.logit_scale,
                    blocks=store.blocks,
                )
                for name, method in METHODS.items():
                    logits = classify(query[None], method(support))[0].float()
                    correct = (logits.argmax(-1) == truth).double().unflatten(0, (N_WAY, -1)).mean(1)
                    row = 100 * correct[0], 100 * correct[1:].mean(), 100 * correct.mean()
                    figures.setdefault((name, few, many), []).append(
                        [*map(float, row), float(cross_entropy(logits, truth))]
                    )
print("method, few, many: recall of the class, of the others, balanced accuracy, log loss")
for key, values in figures.items():
    print(*key, *np.round(np.mean(values, 0), 2))
