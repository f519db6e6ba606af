"""Camera traps: labelled frames of some scenes, or of the day, and queries of others, or of the night.

python -m tools.trials.camera_traps_elsewhere STORE PICTURES
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import f1_score
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.apps.field.frames import Frame, read_times
from metaadapter.bench.scenes.scenes import draw_scenes, scenes_of
from metaadapter.data.reader import read_images
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.generator.pretrained import load_generator

SHOTS, N_DRAWS = (1, 4, 8), 40
store = FeatureStore.open(Path(sys.argv[1]))
x, labels = store.mean_features()
x, labels, texts = torch.from_numpy(np.array(x)).float(), np.asarray(labels), store.class_texts()
rows = {row.path.parts[-2:]: row for row in read_images(Path(sys.argv[2]), labelled=True).rows}
paths = [rows[Path(picture.path).parts[-2:]] for picture in store.rows.pictures()]
scenes = scenes_of(read_times([Frame(row) for row in paths], lambda *_: None))
default = load_generator("default")
elsewhere = load_generator("elsewhere")


def is_grey(path):
    pixels = np.asarray(Image.open(path).convert("RGB").resize((64, 64))).astype(float)
    return (pixels.max(-1) - pixels.min(-1)).mean() < 8


infrared = np.array([is_grey(row.path) for row in paths])


def support_of(shots, classes):
    numbers = torch.tensor([classes.index(labels[shot]) for shot in shots])
    text = torch.stack([torch.from_numpy(texts[name]) for name in classes]).float()
    return Support.of_rows(
        x[list(shots)], numbers, text, logit_scale=store.logit_scale, blocks=store.blocks
    )


def text_and_mean(support, queries):
    joint = (support.text_TND[0] != 0).any(0)
    means = normalize(support.means_TND[0] * joint, dim=-1)
    vectors = normalize(normalize(support.text_TND[0], dim=-1) + means, dim=-1)
    return normalize(queries * joint, dim=-1) @ vectors.T


def draws(kind):
    """Yield classes, the labelled frames of each class, and the queries."""
    if kind == "other scenes":
        for seed in range(N_DRAWS):
            draw = draw_scenes(labels, scenes, max(SHOTS), seed)
            yield sorted(set(labels)), draw.support, np.array(draw.queries)
        return
    is_source = ~infrared if kind.startswith("day") else infrared
    classes = [
        name
        for name in sorted(set(labels))
        if min((infrared & (labels == name)).sum(), (~infrared & (labels == name)).sum()) >= 12
    ]
    for seed in range(N_DRAWS):
        rng = np.random.default_rng(seed)
        support = {
            name: rng.permutation(np.flatnonzero(is_source & (labels == name)))[: max(SHOTS)]
            for name in classes
        }
        seen = set(scenes[np.concatenate([*support.values()])])
        others = np.flatnonzero(~is_source & np.isin(labels, classes))
        yield classes, support, np.array([n for n in others if scenes[n] not in seen])


for kind in ("other scenes", "day labelled, infrared asked", "infrared labelled, day asked"):
    results = {}
    for classes, frames, queries in draws(kind):
        for k in SHOTS:
            support = support_of([n for shots in frames.values() for n in shots[:k]], classes)
            pooled = support.with_pool(x[queries])
            logits = {
                "names alone": x[queries] @ support.text_TND[0].T,
                "text + mean": text_and_mean(support, x[queries]),
                "default": classify(x[queries][None], default.predict(support))[0],
                "elsewhere": classify(x[queries][None], elsewhere.predict(support))[0],
                "default + pool": classify(x[queries][None], default.predict(pooled))[0],
            }
            for method, scores in logits.items():
                answers = np.array(classes)[scores.argmax(-1).numpy()]
                species = [name for name in classes if name != "empty"]
                macro_f1 = f1_score(
                    labels[queries], answers, labels=species, average="macro", zero_division=0
                )
                accuracy = (answers == labels[queries]).mean()
                results.setdefault((method, k), []).append((100 * accuracy, 100 * macro_f1))
            results.setdefault(("warned", k), []).append((100 * (float(domain_shift(pooled).ratio_T) > 1.6),) * 2)
    print(kind, len(classes), "classes; accuracy / macro-F1; draws in which one is below the names")
    for method in dict.fromkeys(method for method, _ in results):
        cells = [np.array(results[method, k]) for k in SHOTS]
        below = np.mean(cells[0][:, 0] < np.array(results["names alone", 1])[:, 0])
        figures = "  ".join("{:5.1f} / {:5.1f}".format(*cell.mean(0)) for cell in cells)
        print(f"{method:16}{figures}   {100 * below:.0f} %", flush=True)
