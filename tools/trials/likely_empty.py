# ruff: noqa
"""Empty frames whole or cut, beside boxed labels: python likely_empty.py FOLDER BOXES N_LABELS."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from boxed_frames import *

from metaadapter.apps.advice.representatives import representatives

warnings.filterwarnings("ignore")
folder, boxes, n = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
frames = Frames(folder, boxes)
images = json.loads(boxes.read_text())["images"]
animals = np.flatnonzero(~np.isin(frames.labels, ["empty", "car"]))
empty = np.flatnonzero(frames.labels == "empty")
animal_boxes = [d["bbox"] for i in images for d in i["detections"] if d["category"] == "1"]
rng, rows, of_frame = np.random.default_rng(0), [], []
for number in empty:  # false boxes: those of animals, anywhere in empty frames
    for _ in range(8):
        box = Box(*animal_boxes[rng.integers(len(animal_boxes))])
        rows.append(ImageRow(folder / images[number]["file"], "empty", box=box))
        of_frame.append(number)
false, of_frame = encode_rows(rows, ENCODER, views=1, seed=0).features, np.array(of_frame)
names = sorted({*frames.labels[animals]})
texts, results = texts_of([*names, "empty"]), {}
for draw in range(20):
    rng, candidates, queries = np.random.default_rng([draw, 5]), [], []
    for name in names:
        drawn = rng.permutation(np.flatnonzero(frames.labels == name))
        queries += drawn[len(drawn) // 2 :].tolist()
        candidates += drawn[: len(drawn) // 2].tolist()
    candidates, queries, drawn = np.sort(candidates), np.array(queries), rng.permutation(empty)
    four, asked = drawn[:4], np.isin(of_frame, drawn[4:])
    cut = lambda k: np.concatenate([false[of_frame == number][:k] for number in four])
    cases = {
        "no empty": (None, n, False),
        "4 whole, named": (frames.whole[four], n - 4, True),
        "4 whole": (frames.whole[four], n - 4, False),
        "4 cut, named": (cut(1), n - 4, True),
        "4 cut": (cut(1), n - 4, False),
        "16 cuts of 4": (cut(4), n - 4, False),
        "4 whole and 4 cut": (np.concatenate([frames.whole[four], cut(1)]), n - 4, False),
    }
    for title, (extra, n_animals, named) in cases.items():
        chosen = candidates[representatives(frames.surest[candidates], n_animals)]
        extra = false[:0] if extra is None else extra
        X = np.concatenate([frames.surest[chosen], extra])
        y = np.array([*frames.labels[chosen], *["empty"] * len(extra)])
        known = {name: text for name, text in texts.items() if name != "empty" or named}
        fitted = MetaAdapterClassifier(known, blocks=BLOCKS, logit_scale=SCALE).fit(X, y)
        told, labels = fitted.predict(frames.surest[queries]), frames.labels[queries]
        accuracy = np.mean([np.mean(told[labels == name] == name) for name in names])
        alarms = np.mean(fitted.predict(false[asked]) != "empty")
        figures = 100 * accuracy, 100 * np.mean(told == "empty"), 1000 * alarms
        results.setdefault(title, []).append(figures)
for title, figures in results.items():
    print(title, "accuracy %.1f, lost %.1f %%, false alarms %.0f" % tuple(np.mean(figures, 0)))
