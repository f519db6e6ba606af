"""The demo's experiment: the same held-out pictures by class names alone, then with shots."""

from __future__ import annotations

import time
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Float, Shaped

from metaadapter.adapter import AdapterWeights, probabilities
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.classifier.labelled_support import text_features
from metaadapter.features import FrozenEncoder
from metaadapter.images import ImageRow, ImageTable
from metaadapter.task.demo_result import Answers, DemoResult, LabelledPicture
from metaadapter.task.shots import draw_shots

__all__ = ["run_demo"]

SHOTS = (1, 4)
METHODS = {0: "zero-shot", 1: "1 shot", 4: "4 shots"}
PACKAGES = ("metaadapter", "torch", "open_clip_torch", "numpy", "scikit-learn")


def run_demo(
    pictures: ImageTable, encoder: FrozenEncoder, *, seed: int
) -> tuple[DemoResult, MetaAdapterClassifier]:
    """Compare zero-shot with adapters predicted from 1 and 4 labelled pictures of each class.

    Args:
        pictures: at least five pictures of each class.
        encoder: reads the pictures and the names of the classes.
        seed: decides which pictures are the labelled ones; all others are held out.

    Returns:
        What was found, and the classifier with the most shots.
    """
    classes = pictures.classes
    labels = np.array([row.label for row in pictures.rows])
    drawn = {n_shot: draw_shots(labels.tolist(), n_shot, seed) for n_shot in SHOTS}
    held_out = np.setdiff1d(np.arange(len(labels)), drawn[max(SHOTS)])

    started = time.perf_counter()
    X = encoder.encode_images([row.path for row in pictures.rows])
    encode_seconds = time.perf_counter() - started

    names = {label: label for label in classes}
    text = torch.from_numpy(text_features(names, classes, X.shape[1], encoder))
    zero_shot = AdapterWeights.zero_shot(text, encoder.logit_scale)
    rows = probabilities(torch.from_numpy(X[held_out]), zero_shot).numpy()
    answers = [_answers(0, rows, np.array(classes), labels[held_out], seconds=None)]
    for n_shot, support in drawn.items():
        classifier = MetaAdapterClassifier(names, encoder=encoder)
        started = time.perf_counter()
        classifier.fit(X[support], labels[support])
        seconds = time.perf_counter() - started
        rows = classifier.predict_proba(X[held_out])
        answers.append(_answers(n_shot, rows, np.array(classes), labels[held_out], seconds))

    # Python's sort is stable, so within the first shots, and within the others, the order stays.
    first_shots_first = sorted(drawn[max(SHOTS)], key=lambda i: i not in drawn[min(SHOTS)])
    result = DemoResult(
        classes=classes,
        support=tuple(_with_bytes(pictures.rows[i]) for i in first_shots_first),
        held_out=tuple(_with_bytes(pictures.rows[i]) for i in held_out),
        answers=tuple(answers),
        encoder=encoder.name,
        fingerprint=encoder.fingerprint.digest,
        generator=f"{classifier.generator} ({classifier.generator_id_})",
        seed=seed,
        encode_seconds=encode_seconds,
        versions={name: version(name) for name in PACKAGES},
    )
    return result, classifier


def _answers(
    n_shot: int,
    probabilities: Float[np.ndarray, "n N"],
    classes: Shaped[np.ndarray, " N"],
    true_labels: Shaped[np.ndarray, " n"],
    seconds: float | None,
) -> Answers:
    labels = classes[probabilities.argmax(1)]
    return Answers(
        method=METHODS[n_shot],
        n_shot=n_shot,
        labels=tuple(labels.tolist()),
        probabilities=tuple(probabilities.max(1).tolist()),
        correct=tuple((labels == true_labels).tolist()),
        adapter_seconds=seconds,
    )


def _with_bytes(row: ImageRow) -> LabelledPicture:
    return LabelledPicture(row.path.name, str(row.label), row.path.read_bytes())
