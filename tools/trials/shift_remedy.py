"""The remedy that `predict` names for pictures from elsewhere, on camera traps and PACS.

For z in camtrap-us camtrap-california, with the pictures in PICTURES/z:
    metaadapter encode PICTURES/z --out STORES/z --blocks joint
    metaadapter encode PICTURES/z --out STORES/z.boxes --detections benchmarks/boxes/z.json
For z in pacs-photo.large pacs-cartoon.large:
    metaadapter encode PICTURES/z --out STORES/z
Then: python -m tools.trials.shift_remedy STORES PICTURES [DIRECTION …]
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from metaadapter.adapter.weights import classify
from metaadapter.apps.field.frames import Frame, read_times
from metaadapter.bench.scenes.scenes import scenes_of
from metaadapter.data.reader import read_images
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.query_shift import QuerySample

warnings.filterwarnings("ignore")
SHOTS, SEEDS = (1, 4, 8), range(100, 120)  # constants were chosen on other draws
US, CAL = "camtrap-us", "camtrap-california"
DEER = {"white-tailed deer": "deer", "mule deer": "deer", "empty": "empty"}
STYLES = {
    "photo > cartoon": ("pacs-photo.large", "pacs-cartoon.large"),
    "cartoon > photo": ("pacs-cartoon.large", "pacs-photo.large"),
}
FRAMES = {
    "A, other scenes": (US, US),
    "A, day > infrared": (US, US),
    "A, infrared > day": (US, US),
    "B, other scenes": (CAL, CAL),
    "A > B": (US, CAL),
    "B > A": (CAL, US),
}


class Pictures:
    def __init__(self, name: str) -> None:
        self.store = FeatureStore.open(Path(sys.argv[1]) / name)
        x, y = self.store.mean_features()
        self.x, self.y = np.asarray(x), np.asarray(y)
        self.scene, self.infrared = np.arange(len(self.y)), np.zeros(len(self.y), bool)
        if name.startswith("camtrap"):
            folder = Path(sys.argv[2]) / name.removesuffix(".boxes")
            rows = {row.path.parts[-2:]: row for row in read_images(folder, labelled=True).rows}
            paths = [Path(picture.path).parts[-2:] for picture in self.store.rows.pictures()]
            frames = [Frame(rows[path]) for path in paths]
            self.scene = scenes_of(read_times(frames, lambda *_: None))
            self.infrared = np.array([is_grey(frame.row.path) for frame in frames])


pictures_of = cache(Pictures)


def is_grey(path: Path) -> bool:
    pixels = np.asarray(Image.open(path).convert("RGB").resize((64, 64))).astype(float)
    return bool((pixels.max(-1) - pixels.min(-1)).mean() < 8)


def draw(direction: str, one: Pictures, other: Pictures, rng: np.random.Generator):
    """Return class → labelled rows of `one`, then rows of `other` to ask about and their labels."""
    n, y, asked = max(SHOTS), one.y, other.y
    if direction in ("A > B", "B > A"):
        y, asked = (np.array([DEER.get(name, "") for name in part]) for part in (y, asked))
    may_label = np.ones(len(y), bool)
    if "infrared" in direction:
        may_label = one.infrared == direction.startswith("A, infrared")
    names = sorted({*y} & {*asked} - {""})
    if "infrared" in direction:
        names = [
            s
            for s in names
            if min((may_label & (y == s)).sum(), (~may_label & (y == s)).sum()) >= 12
        ]
    support = {}
    for name in names:
        rows = rng.permutation(np.flatnonzero(may_label & (y == name)))
        if direction.endswith("other scenes"):
            half = rng.permutation(np.unique(one.scene[rows]))
            rows = rows[np.isin(one.scene[rows], half[: max(1, len(half) // 2)])]
        support[name] = rows[:n]
    queries = np.isin(asked, names)
    if one is other:
        queries &= ~np.isin(one.scene, one.scene[np.concatenate([*support.values()])])
        queries &= ~may_label if "infrared" in direction else True
    if direction in STYLES:
        picked = [rng.permutation(np.flatnonzero(asked == name))[:20] for name in names]
        queries = np.isin(np.arange(len(asked)), np.concatenate(picked))
    return support, np.flatnonzero(queries), asked


def measure(direction: str, one: Pictures, other: Pictures) -> None:
    default = load_generator("default")
    texts = {
        DEER.get(k, k) if one is not other else k: v for k, v in one.store.class_texts().items()
    }
    for k in SHOTS:
        figures = []
        for seed in SEEDS:
            support, queries, y = draw(direction, one, other, np.random.default_rng(seed))
            rows = np.concatenate([rows[:k] for rows in support.values()])
            labels = [name for name, rows in support.items() for _ in rows[:k]]
            fitted = MetaAdapterClassifier(
                {name: np.asarray(texts[name]) for name in support},
                blocks=one.store.blocks,
                logit_scale=one.store.logit_scale,
            ).fit(one.x[rows], labels)
            sample = QuerySample(fitted.stored_)
            sample.add(other.x[queries])
            shift, exact = sample.shift, fitted.support_.exact
            x = torch.from_numpy(other.x[queries]).double()
            heads = [exact.zero_shot(), default.predict(exact), default.predict(exact.with_pool(x))]
            right, recall = [], []
            for head in heads:
                answers = np.array(sorted(support))[classify(x[None], head)[0].argmax(-1).numpy()]
                is_right = answers == y[queries]
                right.append(is_right.mean())
                recall.append(np.mean([is_right[y[queries] == s].mean() for s in {*y[queries]}]))
            is_used = shift.gain is not None
            chosen = (right[1 + is_used], recall[1 + is_used])
            gain = (shift.gain, right[2] - right[1]) if is_used else (np.nan, np.nan)
            figures.append(
                [*right, chosen[0], *recall, chosen[1], shift.is_shifted, is_used, *gain]
            )
        mean = 100 * np.nanmean(figures, axis=0)
        print(
            f"{direction:18} {k} names {mean[0]:.1f} nothing {mean[1]:.1f} pool {mean[2]:.1f} "
            f"chosen {mean[3]:.1f} | recall {mean[4]:.1f} {mean[5]:.1f} {mean[6]:.1f} {mean[7]:.1f}"
            f" | warned {mean[8]:.0f} used {mean[9]:.0f} expected {mean[10]:+.1f} had {mean[11]:+.1f}",
            flush=True,
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    for end in ("", ".boxes"):
        for direction, (one, other) in (STYLES | FRAMES if not end else FRAMES).items():
            if not sys.argv[3:] or direction + end in sys.argv[3:]:
                print("boxes" if end else "whole", flush=True)
                measure(direction, pictures_of(one + end), pictures_of(other + end))
