# ruff: noqa
"""Features of frames and boxes for the trials: the frames of a set, cut by benchmarks/boxes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.workflow.class_texts import text_features
from metaadapter.workflow.estimator import MetaAdapterClassifier

BLOCKS = (512, 992, 512, 992)
SCALE = 21.903
ENCODER = load_encoder("tiny")


class Frames:
    """Labels, features of whole frames, of surest boxes, and of all boxes with their frame."""

    def __init__(self, folder: Path, detections: Path) -> None:
        images = json.loads(detections.read_text())["images"]
        rows = [ImageRow(folder / image["file"], image["file"].split("/")[0]) for image in images]
        self.labels = np.array([row.label for row in rows])
        self.whole = encode_rows(rows, ENCODER, views=1, seed=0).features
        boxed = [
            (number, replace(rows[number], box=Box(*detection["bbox"])))
            for number, image in enumerate(images)
            for detection in image["detections"]
        ]
        self.frame_of_box = np.array([number for number, _ in boxed])
        self.boxes = encode_rows([row for _, row in boxed], ENCODER, views=1, seed=0).features
        self.surest = self.whole.copy()
        for place in range(len(boxed) - 1, -1, -1):
            self.surest[self.frame_of_box[place]] = self.boxes[place]


def texts_of(names):
    rows = text_features({name: name for name in names}, names, sum(BLOCKS), ENCODER)
    return dict(zip(names, np.asarray(rows), strict=True))


def macro_accuracy(features, labels, support, queries, texts, pool=None):
    fitted = MetaAdapterClassifier(texts, blocks=BLOCKS, logit_scale=SCALE)
    fitted.fit(features[support], labels[support], unlabelled=pool)
    right = fitted.predict(features[queries]) == labels[queries]
    return 100 * np.mean([right[labels[queries] == name].mean() for name in texts])


def told(values, base):
    gain = np.array(values) - np.array(base)
    half = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
    return f"{np.mean(values):.1f} ({gain.mean():+.1f} ± {half:.1f})"
