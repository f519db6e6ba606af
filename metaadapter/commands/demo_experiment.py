"""The demo's experiment: the same held-out pictures by class names alone, then with shots."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter import AdapterWeights, classify
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.commands.support import draw_shots
from metaadapter.features import FrozenEncoder, readable_name
from metaadapter.images import ImageRow, ImageTable
from metaadapter.report.demo_result import Answers, DemoResult, LabelledPicture

__all__ = ["run_demo"]

SHOTS = (1, 4)
PACKAGES = ("metaadapter", "torch", "open_clip_torch", "numpy", "scikit-learn")


def run_demo(
    pictures: ImageTable, encoder: FrozenEncoder, *, seed: int
) -> tuple[DemoResult, MetaAdapterClassifier]:
    """Compare zero-shot with adapters predicted from 1 and 4 labelled pictures of each class.

    Args:
        pictures: at least five of each class.
        encoder: reads the pictures and the names of the classes.
        seed: decides which pictures are the labelled ones; all others are held out.

    Returns:
        What was found, and the classifier with the most shots.
    """
    names = {label: readable_name(label) for label in pictures.classes}
    labels = np.array([row.label for row in pictures.rows])
    drawn = {n_shot: draw_shots(labels.tolist(), n_shot, seed) for n_shot in SHOTS}
    held_out = np.setdiff1d(np.arange(len(labels)), drawn[max(SHOTS)])

    started = time.perf_counter()
    X = encoder.encode_images([row.path for row in pictures.rows])
    encode_seconds = time.perf_counter() - started

    shares = _zero_shot(X[held_out], encoder, list(names.values()))
    answers = [_answers(0, shares, pictures.classes, labels[held_out], seconds=None)]
    for n_shot, support in drawn.items():
        classifier = MetaAdapterClassifier(names, encoder=encoder)
        started = time.perf_counter()
        classifier.fit(X[support], labels[support])
        seconds = time.perf_counter() - started
        shares = classifier.predict_proba(X[held_out])
        answers.append(
            _answers(n_shot, shares, pictures.classes, labels[held_out], seconds=seconds)
        )

    # Python's sort is stable, so within the first shots, and within the others, the order stays.
    first_shots_first = sorted(drawn[max(SHOTS)], key=lambda i: i not in drawn[min(SHOTS)])
    result = DemoResult(
        classes=pictures.classes,
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


def _zero_shot(
    X: Float[np.ndarray, "n D"], encoder: FrozenEncoder, names: Sequence[str]
) -> Float[np.ndarray, "n N"]:
    """Probabilities by the names of the classes alone."""
    text = torch.from_numpy(encoder.encode_texts(names))
    weights = AdapterWeights.zero_shot(text, encoder.logit_scale)
    shares: np.ndarray = classify(torch.from_numpy(X), weights).softmax(-1).numpy()
    return shares


def _answers(
    n_shot: int,
    probabilities: Float[np.ndarray, "n N"],
    classes: Sequence[str],
    truth: np.ndarray,
    *,
    seconds: float | None,
) -> Answers:
    labels = np.array(classes)[probabilities.argmax(1)]
    return Answers(
        method=_METHODS.get(n_shot, f"{n_shot} shots"),
        n_shot=n_shot,
        labels=tuple(labels.tolist()),
        probabilities=tuple(probabilities.max(1).tolist()),
        right=tuple((labels == truth).tolist()),
        adapter_seconds=seconds,
    )


_METHODS = {0: "zero-shot", 1: "1 shot"}


def _with_bytes(row: ImageRow) -> LabelledPicture:
    return LabelledPicture(row.path.name, str(row.label), row.path.read_bytes())
