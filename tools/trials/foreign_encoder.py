"""Accuracy, confidence minus accuracy and log loss through a foreign encoder, by level of names.

python -m tools.trials.foreign_encoder STORE… [--methods default,closed-form,GENERATOR,PEER]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.made_names import with_names
from metaadapter.bench.evaluation.store_sets import set_of_store
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import load_generator

LEVELS = ("cone:1", "cone:4", "cone:10", "cone:noise", "own")
N_WAY, N_QUERY = 10, 10


def method(name: str):
    """A generator, a peer, or the closed form with TRUST/RIDGE in place of its constants."""
    if "/" in name and name.replace("/", "").replace(".", "").isdigit():
        trust, ridge = map(float, name.split("/"))
        config = GeneratorConfig(closed_form=ClosedForm(text_trust=trust, ridge=ridge))
        return Generator(config).eval().predict
    return PEERS[name] if name in PEERS else load_generator(name).predict


parser = argparse.ArgumentParser()
parser.add_argument("stores", nargs="+", type=Path)
parser.add_argument("--methods", default="default,closed-form")
parser.add_argument("--shots", default="1,4")
parser.add_argument("--tasks", type=int, default=10)
args = parser.parse_args()
torch.set_num_threads(1)
methods = {name: method(name) for name in args.methods.split(",")}
shots = [int(number) for number in args.shots.split(",")]
figures: dict[tuple, list] = {}
for folder in args.stores:
    for level, data in zip(LEVELS, with_names(set_of_store(folder), LEVELS)):
        random = np.random.default_rng(11)
        counts = np.bincount(data.labels_n[data.labels_n >= 0])
        large = np.flatnonzero(counts >= max(shots) + 4)
        for _ in range(args.tasks):
            classes = random.permutation(large)[:N_WAY]
            rows = [random.permutation(np.flatnonzero(data.labels_n == c)) for c in classes]
            asked = [own[max(shots) : max(shots) + N_QUERY] for own in rows]
            truth = torch.tensor([way for way, own in enumerate(asked) for _ in own])
            query = data.look_up(torch.from_numpy(np.concatenate(asked)))
            pictures = data.look_up(torch.from_numpy(np.stack([own[: max(shots)] for own in rows])))
            for n_shot in shots:
                support = Support.of_tasks(
                    pictures[None, :, :n_shot],
                    data.text_CD[classes][None],
                    logit_scale=data.logit_scale,
                    blocks=data.blocks,
                )
                for name, predict in methods.items():
                    with torch.no_grad():
                        logits = classify(query[None], predict(support))[0].float()
                    accuracy = 100 * float((logits.argmax(-1) == truth).float().mean())
                    confidence = 100 * float(logits.softmax(-1).amax(-1).mean())
                    figures.setdefault((n_shot, name, level), []).append(
                        (accuracy, confidence - accuracy, float(cross_entropy(logits, truth)))
                    )
print("shots, method, level: accuracy, confidence − accuracy, log loss")
for key, values in figures.items():
    print(*key, *np.round(np.mean(values, 0), 3))
