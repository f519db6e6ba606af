# ruff: noqa
"""Made-up scores of SpeciesNet as evidence: python made_up_speciesnet.py FOLDER BOXES.

One class is left out of the adapter, and shows the rest of the fauna. The best label of SpeciesNet
is right with a given probability; a right one scores Beta(6, 1), a wrong one Beta(2, 2); the second
label has half of the rest and is the right one in half of the wrong answers.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from boxed_frames import BLOCKS, SCALE, Frames, texts_of, told

from metaadapter.apps.field import species_posterior
from metaadapter.apps.field.detections import Detections
from metaadapter.apps.field.fauna import Fauna
from metaadapter.apps.field.frame_detections import Detection, FrameDetections
from metaadapter.apps.field.species_answer import species_answer
from metaadapter.apps.field.species_posterior import posterior
from metaadapter.apps.field.taxonomy import Taxon
from metaadapter.data.crop import Box
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.predictions import Prediction, predict_probabilities

warnings.filterwarnings("ignore")
TAXA = {
    "coyote": "1;mammalia;carnivora;canidae;canis;latrans;coyote",
    "white-tailed deer": "2;mammalia;cetartiodactyla;cervidae;odocoileus;virginianus;white-tailed deer",
    "wild hog": "3;mammalia;cetartiodactyla;suidae;sus;scrofa;wild hog",
    "wild turkey": "4;aves;galliformes;phasianidae;meleagris;gallopavo;wild turkey",
}
OTHERS = [
    "5;mammalia;carnivora;canidae;canis;familiaris;domestic dog",
    "6;mammalia;carnivora;canidae;urocyon;cinereoargenteus;grey fox",
    "7;mammalia;carnivora;procyonidae;procyon;lotor;northern raccoon",
    "8;mammalia;cetartiodactyla;cervidae;odocoileus;hemionus;mule deer",
    "9;mammalia;carnivora;felidae;lynx;rufus;bobcat",
    "10;mammalia;didelphimorphia;didelphidae;didelphis;virginiana;virginia opossum",
]
ALL = [*TAXA.values(), *OTHERS]
frames = Frames(Path(sys.argv[1]), Path(sys.argv[2]))
texts = texts_of(sorted(TAXA))


def made_up(label, accuracy, rng):
    right = TAXA[label]
    others = [taxon for taxon in ALL if taxon != right]
    if rng.random() < accuracy:
        first, score, second = right, rng.beta(6, 1), rng.choice(others)
    else:
        first, score = rng.choice(others), rng.beta(2, 2)
        second = right if rng.random() < 0.5 else rng.choice(others)
    return {first: score, **({second: (1 - score) / 2} if second != first else {})}


def is_right(answer, label):
    """1 for the species, and whether a higher taxon holds it."""
    path = Taxon.of(TAXA[label]).path
    higher = {f"{path[3]} species", f"{path[2]} family"}
    return answer == label, answer == label or answer in higher


for n_shot in (1, 4):
    for accuracy in (0.6, 0.85, 0.95):
        results = {}
        for draw in range(20):
            rng = np.random.default_rng(draw)
            out = [*texts][draw % len(texts)]
            names = [name for name in texts if name != out]
            drawn = [rng.permutation(np.flatnonzero(frames.labels == n))[:n_shot] for n in names]
            support = np.concatenate(drawn)
            queries = np.setdiff1d(np.flatnonzero(frames.labels != "empty"), support)
            fitted = MetaAdapterClassifier({n: texts[n] for n in names}, blocks=BLOCKS, logit_scale=SCALE)
            fitted.fit(frames.surest[support], frames.labels[support])
            stored = fitted.stored_
            classes = [*map(str, stored.config.classes)]
            given = predict_probabilities(frames.surest[queries], stored.weights)
            box = Detection("animal", 0.9, Box(0, 0, 1, 1), dict.fromkeys(ALL, 0.1))
            frame = {"1": FrameDetections("1", (box,))}
            fauna = Fauna.of(Detections(Path(), "", {}, {}, frame), classes)
            got = {name: [] for name in ("adapter", "SpeciesNet", "both", "both, or its family")}
            strange = {name: [] for name in got}
            for query, row, known in zip(queries, given.classes_NC, given.known_N, strict=True):
                label = frames.labels[query]
                scores = made_up(label, accuracy, rng)
                result = posterior(row, float(known), fauna.evidence(scores))
                best = classes[result.shares_C.argmax()]
                shares = dict(zip(classes, result.shares_C.tolist()))
                prediction = Prediction("", best, max(shares.values()), "", 0.0, False, shares, known=result.known)
                answer = species_answer(fauna, prediction, result.others).label
                into = strange if label == out else got
                into["adapter"].append(classes[row.argmax()] == label)
                into["SpeciesNet"].append(Taxon.of(max(scores, key=scores.get)).name == label)
                exact, near = is_right(answer, label)
                into["both"].append(exact)
                into["both, or its family"].append(near)
            for kind, some in (("classes", got), ("left out", strange)):
                for name, values in some.items():
                    results.setdefault((kind, name), []).append(100 * np.mean(values))
        for (kind, name), values in results.items():
            print(n_shot, accuracy, kind, name, told(values, results[kind, "adapter"]))
