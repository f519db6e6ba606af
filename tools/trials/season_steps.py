# ruff: noqa
# mypy: ignore-errors
"""What each step of a season gains, on whole frames and with boxes.

    python -m tools.trials.season_steps FOLDER BOXES   # BOXES is a file of benchmarks/boxes

One half of the frames of each species is labelled from, the other is asked about; 20 draws. Prints
the mean recall over species after 10 and 30 labels, and the gain over the line before, paired.
"""

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from metaadapter.apps.advice.representatives import representatives
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.workflow.estimator import MetaAdapterClassifier

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder, boxes = map(Path, sys.argv[1:3])
TINY, SALIENT = (load_encoder(n, device="cpu", blocks=["joint"]) for n in ("tiny", "salient:tiny"))
images = [i for i in json.loads(boxes.read_text())["images"] if not i["file"].startswith("empty/")]
rows = [ImageRow(folder / image["file"], image["file"].split("/")[0]) for image in images]
labels = np.array([row.label for row in rows])
whole = encode_rows(rows, TINY, views=1, seed=0).features
salient = encode_rows(rows, SALIENT, views=1, seed=0).features
of_box = [
    (n, replace(rows[n], box=Box(*d["bbox"])))
    for n, i in enumerate(images)
    for d in i["detections"]
]
frame_of_box = np.array([n for n, _ in of_box])
every = encode_rows([row for _, row in of_box], TINY, views=1, seed=0).features
boxed = whole.copy()
for place in range(len(of_box) - 1, -1, -1):
    boxed[frame_of_box[place]] = every[place]
names = sorted({*labels})
texts = dict(zip(names, TINY.encode_texts(names), strict=True))


def recall(features, support, queries, pool=None):
    fitted = MetaAdapterClassifier(texts, blocks=TINY.blocks, logit_scale=TINY.logit_scale)
    fitted.fit(features[support], labels[support], unlabelled=pool)
    right = fitted.predict(features[queries]) == labels[queries]
    return 100 * np.mean([right[labels[queries] == name].mean() for name in names])


for n in (10, 30):
    results = {}
    for draw in range(20):
        rng = np.random.default_rng([draw, 5])
        candidates, queries = [], []
        for name in rng.permutation(names):
            own = rng.permutation(np.flatnonzero(labels == name))
            queries += own[len(own) // 2 :].tolist()
            candidates += own[: len(own) // 2].tolist()
        candidates, queries = np.sort(candidates), np.array(queries)
        random = candidates[np.random.default_rng([draw, 9]).permutation(len(candidates))[:n]]
        chosen = {
            f: candidates[representatives(t[candidates], n)]
            for f, t in (("whole", whole), ("salient", salient), ("boxed", boxed))
        }
        rest = {f: np.setdiff1d(np.arange(len(rows)), c) for f, c in chosen.items()}
        steps = {
            "whole, at random": (whole, random, None),
            "salient, at random": (salient, random, None),
            "salient, chosen by whole frames": (salient, chosen["whole"], None),
            "salient, chosen by salient parts": (salient, chosen["salient"], None),
            "salient, chosen by whole frames, pool": (
                salient,
                chosen["whole"],
                salient[rest["whole"]],
            ),
            "boxes, at random": (boxed, random, None),
            "boxes, chosen": (boxed, chosen["boxed"], None),
            "boxes, chosen, pool": (
                boxed,
                chosen["boxed"],
                every[np.isin(frame_of_box, rest["boxed"])],
            ),
        }
        for step, (features, support, pool) in steps.items():
            results.setdefault(step, []).append(recall(features, support, queries, pool))
    before = "whole, at random"
    for step, values in results.items():
        gain = np.array(values) - np.array(results[before])
        half = 1.96 * gain.std(ddof=1) / len(gain) ** 0.5
        print(
            n,
            step,
            f"{np.mean(values):.1f} ({gain.mean():+.1f} ± {half:.1f} over: {before})",
            flush=True,
        )
        before = {"salient, chosen by whole frames": "salient, at random"}.get(step, step)
