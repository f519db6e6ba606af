"""Recall of classes without a picture by name alone, and with a label tree.

    python -m tools.trials.class_without_a_picture STORE…

A store is of `metaadapter encode SET --out …/SET`; its tree is label_trees/SET.txt. In each of eight
draws one class of each parent with several classes has no picture. The first 16 pictures of a class
in random order are for the support, the others are predicted. It prints the mean recall in % of the
classes without a picture, of the others and of all, and the difference to the name alone with its
95 % interval over the draws.
"""
# ruff: noqa

import sys
from pathlib import Path

import numpy as np
import torch

from metaadapter import FeatureStore
from metaadapter.adapter.label_tree_file import read_label_tree
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.views import mean_of_views
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import predict_adapter
from metaadapter.workflow.tree_evidence import with_parents_names, with_siblings

torch.set_num_threads(1)
TREES = Path(__file__).parent / "label_trees"
N_DRAWS, MOST_SHOTS, T_QUANTILE = 8, 16, 2.36
generator, _ = shared_generator("default")
encoder = load_encoder("tiny", device="cpu", zoom=True, blocks=("joint", "stages"))


def draw(tree, classes, labels, n_shot, seed):
    by_parent = {}
    for number, name in enumerate(classes):
        if parent := tree.parents.get(name):
            by_parent.setdefault(parent, []).append(number)
    rng = np.random.default_rng(100 + seed)
    bare = {int(rng.choice(group)) for _, group in sorted(by_parent.items()) if len(group) > 1}
    rng, shots, queries = np.random.default_rng(seed), [], []
    for number in range(len(classes)):
        rows = np.flatnonzero(labels == number)
        rng.shuffle(rows)
        if number not in bare:
            shots += [*rows[:n_shot]]
        queries += [*rows[MOST_SHOTS:]]
    return sorted(bare), np.array(shots), np.array(queries)


def recalls(logits, own, bare, n_classes):
    right = logits.argmax(1) == own
    of_class = np.array([right[own == number].mean() for number in range(n_classes)])
    others = [number for number in range(n_classes) if number not in bare]
    return of_class[bare].mean(), of_class[others].mean(), of_class.mean()


for place in map(Path, sys.argv[1:]):
    store = FeatureStore.open(str(place))
    names = np.asarray(store.rows.of_pictures("label"))
    of_set = sorted(set(names))
    labels = np.array([of_set.index(name) for name in names])
    rows = torch.from_numpy(mean_of_views(np.asarray(store.by_picture()[:]))).float()
    texts = store.class_texts()
    texts = torch.from_numpy(np.stack([texts[name] for name in of_set])).float()
    classes = [readable_name(name) for name in of_set]
    tree = read_label_tree(TREES / f"{place.name}.txt")
    units = torch.nn.functional.normalize(rows.double(), dim=-1)
    for n_shot in (1, 4, 16):
        table = {}
        for seed in range(N_DRAWS):
            bare, shots, queries = draw(tree, classes, labels, n_shot, seed)
            support = Support.of_rows(
                rows[shots],
                torch.from_numpy(labels[shots]),
                texts,
                logit_scale=store.logit_scale,
                blocks=store.blocks,
            )
            has_pictures = support.present_TNK[0].any(-1)
            with_names = with_parents_names(support, classes, tree, encoder)
            for way, read in (("name alone", support), ("parent's name", with_names)):
                weights = predict_adapter(generator, read)
                shared = with_siblings(weights, has_pictures, classes, tree)
                ways = {way: weights, "siblings" if read is support else "both": shared}
                for key, adapter in ways.items():
                    logits = classify(units[queries], adapter).numpy()
                    table.setdefault(key, []).append(
                        recalls(logits, labels[queries], bare, len(classes))
                    )
        alone = np.array(table["name alone"])
        for key, figures in table.items():
            more = np.array(figures) - alone
            spread = T_QUANTILE * more.std(0, ddof=1) / N_DRAWS**0.5
            print(
                f"{place.name}, {n_shot} shots, {key}: {100 * np.mean(figures, 0).round(3)}, "
                f"difference {100 * more.mean(0).round(3)} ± {100 * spread.round(3)}",
                flush=True,
            )
