"""The demo's experiment: classify held-out pictures by class names, then with labelled ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.data.table import ImageTable
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.workflow.accuracy import Proportion
from metaadapter.workflow.class_texts import text_features
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.labelled_pictures import draw_shots

METHODS = {1: "1 shot", 4: "4 shots"}
PACKAGES = ("metaadapter", "torch", "open_clip_torch", "numpy", "scikit-learn")


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """The name of a picture's file, its true class, and the bytes of the file."""

    name: str
    label: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class MethodResult:
    """The predictions of one method, in the order of the held-out pictures."""

    method: str
    n_shot: int
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    correct: tuple[bool, ...]
    adapter_seconds: float | None
    """The time to read the names and predict the adapter; `None` without an adapter."""

    @property
    def accuracy(self) -> Proportion:
        """The fraction predicted correctly, with an interval for the draw of held-out pictures."""
        return Proportion(sum(self.correct), len(self.correct))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The results of all methods, and the facts needed to reproduce them."""

    classes: tuple[str, ...]
    support: tuple[LabelledPicture, ...]
    """The labelled pictures; those of the 1-shot adapter come first."""
    held_out: tuple[LabelledPicture, ...]
    methods: tuple[MethodResult, ...]
    """Zero-shot first, then by number of shots."""
    encoder: str
    fingerprint: str
    generator: str
    seed: int
    encode_seconds: float
    versions: Mapping[str, str]


def run_demo(
    pictures: ImageTable, encoder: FrozenEncoder, *, seed: int = 0
) -> tuple[DemoResult, MetaAdapterClassifier]:
    """Compare zero-shot with adapters predicted from 1 and 4 labelled pictures of each class.

    Each class needs at least five pictures. The seed draws the labelled pictures; all others are
    held out. The returned classifier is the one with 4 shots.
    """
    rows, classes = pictures.rows, pictures.classes
    labels = np.array([row.label for row in rows])
    drawn = {n_shot: draw_shots(labels.tolist(), n_shot, seed) for n_shot in METHODS}
    first, support = drawn.values()
    held_out = np.setdiff1d(np.arange(len(rows)), support)

    started = time.perf_counter()
    X = encoder.encode_images([row.path for row in rows])
    encode_seconds = time.perf_counter() - started

    def result_of(
        method: str, n_shot: int, shares: Float[np.ndarray, "n N"], seconds: float | None = None
    ) -> MethodResult:
        predicted = np.array(classes)[shares.argmax(1)]
        return MethodResult(
            method,
            n_shot,
            labels=tuple(predicted.tolist()),
            probabilities=tuple(shares.max(1).tolist()),
            correct=tuple((predicted == labels[held_out]).tolist()),
            adapter_seconds=seconds,
        )

    names = {label: label for label in classes}
    text = torch.from_numpy(text_features(names, classes, X.shape[1], encoder))
    assert encoder.logit_scale is not None
    zero_shot = AdapterWeights.zero_shot(text, encoder.logit_scale)
    shares = probabilities(torch.from_numpy(X[held_out]), zero_shot).numpy()
    methods = [result_of("zero-shot", 0, shares)]
    for n_shot, numbers in drawn.items():
        classifier = MetaAdapterClassifier(names, encoder=encoder)
        started = time.perf_counter()
        classifier.fit(X[numbers], labels[numbers])
        seconds = time.perf_counter() - started
        shares = classifier.predict_proba(X[held_out])
        methods.append(result_of(METHODS[n_shot], n_shot, shares, seconds))

    shown = [LabelledPicture(row.path.name, str(row.label), row.path.read_bytes()) for row in rows]
    result = DemoResult(
        classes=classes,
        # The sort is stable: the first shots keep their order, and so do the later ones.
        support=tuple(shown[i] for i in sorted(support, key=lambda i: i not in first)),
        held_out=tuple(shown[i] for i in held_out),
        methods=tuple(methods),
        encoder=encoder.name,
        fingerprint=encoder.fingerprint.digest,
        generator=f"{classifier.generator} ({classifier.generator_id_})",
        seed=seed,
        encode_seconds=encode_seconds,
        versions={name: version(name) for name in PACKAGES},
    )
    return result, classifier
