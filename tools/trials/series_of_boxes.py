# ruff: noqa
"""Answers for boxes in series of three shots: python series_of_boxes.py FOLDER BOXES.

A shot has the boxes of a frame, moved a little, and one box of confidence 0.3 where no animal is.
In a pair the shots have the boxes of two frames of different species.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from boxed_frames import BLOCKS, ENCODER, SCALE, Frames, texts_of, told

from metaadapter.apps.field.animals import Seen, number_animals
from metaadapter.apps.field.series import mean_in_series
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.predictions import Probabilities
import json

warnings.filterwarnings("ignore")
folder, detections = Path(sys.argv[1]), Path(sys.argv[2])
frames = Frames(folder, detections)
images = json.loads(detections.read_text())["images"]
rng = np.random.default_rng(0)
SHOTS = 3


def moved(box, share):
    left, top, width, height = box
    dx, dy, zoom = rng.uniform(-share, share, 3)
    width, height = width * (1 + zoom), height * (1 + zoom)
    left = min(max(left + dx * width, 0), 1 - min(width, 1))
    top = min(max(top + dy * height, 0), 1 - min(height, 1))
    return Box(left, top, min(width, 1 - left), min(height, 1 - top))


def overlaps(one, other):
    return (
        min(one[0] + one[2], other[0] + other[2]) > max(one[0], other[0])
        and min(one[1] + one[3], other[1] + other[3]) > max(one[1], other[1])
    )


rows, seen = [], []  # seen: frame, shot, box, confidence
for number, image in enumerate(images):
    boxes = [Box(*found["bbox"]) for found in image["detections"]][:3]
    if not boxes:
        continue
    free = [Box(*rng.uniform(0, 0.85, 2), 0.15, 0.15) for _ in range(100)]
    free = [box for box in free if not any(overlaps(box, Box(*f["bbox"])) for f in image["detections"])]
    for shot in range(SHOTS):
        some = [(moved(box, 0.15), 0.9) for box in boxes] + [(moved(box, 0.02), 0.3) for box in free[:1]]
        for box, confidence in some:
            rows.append(ImageRow(folder / image["file"], None, box=box))
            seen.append((number, shot, box, confidence))
features = encode_rows(rows, ENCODER, views=1, seed=0).features
of_frame = {}
for place, one in enumerate(seen):
    of_frame.setdefault(one[0], []).append(place)


def accuracy(shares_NC, names, series, rule):
    """Macro accuracy of the boxes of animals; `series` lists the frames of each series."""
    right = {name: [] for name in names}
    for numbers in series:
        places = [place for number in numbers for place in of_frame[number]]
        places.sort(key=lambda place: seen[place][1])
        rows_NC = shares_NC[places]
        if rule == "all boxes":
            rows_NC = np.tile(rows_NC.mean(0), (len(places), 1))
        elif rule != "none":
            animals = number_animals([Seen("s", seen[p][1], seen[p][2]) for p in places])
            weights = [seen[p][3] for p in places] if rule == "animals" else None
            rows_NC = mean_in_series(Probabilities(rows_NC, None), animals, names, weights).classes_NC
        for place, row in zip(places, rows_NC, strict=True):
            if seen[place][3] > 0.5:
                name = frames.labels[seen[place][0]]
                right[name].append(names[row.argmax()] == name)
    return 100 * np.mean([np.mean(values) for values in right.values() if values])


animals = frames.labels != "empty"
texts = texts_of(sorted({*frames.labels[animals]}))
names = [*texts]
for n_shot in (1, 4):
    results = {}
    for draw in range(20):
        rng = np.random.default_rng(draw)
        drawn = [rng.permutation(np.flatnonzero(frames.labels == name))[:n_shot] for name in names]
        support = np.concatenate(drawn)
        queries = [n for n in rng.permutation([*of_frame]) if n not in support and animals[n]]
        fitted = MetaAdapterClassifier(texts, blocks=BLOCKS, logit_scale=SCALE)
        fitted.fit(frames.surest[support], frames.labels[support])
        shares_NC = fitted.predict_proba(features)
        order = [[*map(str, fitted.classes_)].index(name) for name in names]
        shares_NC = shares_NC[:, order].astype(float)
        pairs = [
            (a, b)
            for a, b in zip(queries[::2], queries[1::2])
            if frames.labels[a] != frames.labels[b]
        ]
        for kind, series in (("one species", [(n,) for n in queries]), ("two species", pairs)):
            for rule in ("none", "all boxes", "animals unweighted", "animals"):
                results.setdefault((kind, rule), []).append(accuracy(shares_NC, names, series, rule))
    for (kind, rule), values in results.items():
        print(n_shot, kind, rule, told(values, results[kind, "all boxes"]))
