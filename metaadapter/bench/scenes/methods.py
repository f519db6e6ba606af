"""The methods of a study: the pictures that each method sees, its answers, and its figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.bench.evaluation.cost import timed, trained_numbers
from metaadapter.bench.evaluation.method_by_name import TRAINED_BY_HAND
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.fine_tuned_tower import FineTunedTower
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.views import joint_columns, look_widths, unit_rows
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import labelled_support, predict_adapter

OWN, POOLED, TOWER = "metaadapter", "metaadapter + pool", "fine-tuned tower"
OURS = (OWN, POOLED)
"""The methods of this package; the second also reads the queries, without labels, as a pool."""
METHODS = (*OURS, "zero-shot", "CLIP-Adapter", "logistic probe", TOWER)
# They see the joint block only: CLIP-Adapter is defined for it, and trains a minute on all blocks.
JOINT = ("CLIP-Adapter", "zero-shot")
MEASURES = ("macro_f1", "accuracy", "false_alarms", "seconds", "trained")
RATES = ("precision", "recall", "f1")
OVERALL = ""
"""The part that has the figures of all classes; each other part is one class."""
CPU = torch.device("cpu")


class MethodAnswers(NamedTuple):
    """The answers of a method, its seconds to fit, and how many numbers it trained."""

    labels: list[str]
    seconds: float
    trained: int


@dataclass(frozen=True, eq=False)
class Frames:
    """All frames of a study, with what methods need to read them."""

    features: Float[np.ndarray, "n D"]
    pictures: Callable[[Sequence[int]], list[Image.Image]]
    """Numbers of frames → their pictures, upright and RGB."""
    labels: Sequence[str]
    texts: Mapping[str, Float[np.ndarray, " D"]]
    """Class → text feature."""
    encoder: FrozenEncoder
    blocks: Sequence[int]
    logit_scale: float

    @cached_property
    def classes(self) -> list[str]:
        """The classes, sorted by name."""
        return sorted(set(self.labels))

    def support(self, numbers: Sequence[int]) -> Support:
        """Return the support of one task with these frames."""
        return labelled_support(
            self.features[list(numbers)],
            [self.labels[number] for number in numbers],
            self.classes,
            self.texts,
            None,
            logit_scale=self.logit_scale,
            blocks=self.blocks,
        )

    def joint_alone(self) -> Frames:
        """Return the same frames with only the joint block in their features."""
        encoder = self.encoder
        columns = joint_columns(self.features.shape[1], encoder.zoom, encoder.look_blocks)
        rows = self.features[:, columns]
        return replace(
            self,
            features=unit_rows(rows),
            texts={label: text[columns] for label, text in self.texts.items()},
            blocks=look_widths(len(columns), encoder.zoom),
            # The joint parts of all rows have this length; with it text logits do not change.
            logit_scale=self.logit_scale * float(np.linalg.norm(rows[0])),
        )


def answer_by(
    method: str, frames: Frames, shots: Sequence[int], queries: Sequence[int], seed: int
) -> MethodAnswers:
    """Fit a method of `METHODS` to the frames `shots`, and return its answers to `queries`."""
    if method == TOWER:
        return _by_tower(frames, shots, queries, seed)
    frames = frames.joint_alone() if method in JOINT else frames
    support, query_rows = frames.support(shots), torch.from_numpy(frames.features[list(queries)])
    if method == POOLED:
        support = support.with_pool(query_rows)
    fit = _predict if method in OURS else lambda support: PEERS[method](support.exact).task(0)
    with trained_numbers() as trained:
        weights, seconds = timed(lambda: fit(support), CPU)
    by_hand = TRAINED_BY_HAND.get(method)
    n_trained = by_hand(*support.text_TND.shape[1:]) if by_hand else trained.count
    weights = weights.map(lambda tensor: tensor.detach().float())
    best = probabilities(query_rows, weights).argmax(1).tolist()
    return MethodAnswers([frames.classes[number] for number in best], seconds, n_trained)


def _predict(support: Support) -> AdapterWeights:
    return predict_adapter(shared_generator("default")[0], support)


def _by_tower(
    frames: Frames, shots: Sequence[int], queries: Sequence[int], seed: int
) -> MethodAnswers:
    texts = np.stack([frames.texts[label] for label in frames.classes])
    tower = FineTunedTower.of_encoder(frames.encoder, texts, seed)
    targets = [frames.classes.index(frames.labels[number]) for number in shots]
    with trained_numbers() as trained:
        _, seconds = timed(lambda: tower.fit(frames.pictures(shots), targets), CPU)
    best = tower.logits(frames.pictures(queries)).argmax(1).tolist()
    return MethodAnswers([frames.classes[number] for number in best], seconds, trained.count)


def measure_answers(
    labels: Sequence[str], answers: MethodAnswers, background: Collection[str]
) -> dict[str, list[Any]]:
    """Compare answers with labels; `background` are the classes of frames without an animal.

    The returned columns have a row for `OVERALL`, with `MEASURES`, and a row for each class, also
    of the background, with `RATES` (0 if undefined).

    - `macro_f1`: the mean F1 of the species, without the background.
    - `accuracy`: the fraction of all frames with a correct answer.
    - `false_alarms`: how many of 1000 background frames are called a species, None without any.
    - `seconds`: the time to fit; it includes encoding only if the encoder is trained.
    - `trained`: how many numbers are trained.
    """
    classes = sorted(set(labels))
    rates = precision_recall_fscore_support(
        labels, answers.labels, labels=classes, zero_division=0
    )[:3]
    f1_of_animals = [
        f1 for name, f1 in zip(classes, rates[2].tolist(), strict=True) if name not in background
    ]
    pairs = list(zip(labels, answers.labels, strict=True))
    is_alarm = [answer not in background for label, answer in pairs if label in background]
    overall = {
        "macro_f1": sum(f1_of_animals) / len(f1_of_animals),
        "accuracy": sum(label == answer for label, answer in pairs) / len(pairs),
        "false_alarms": 1000 * sum(is_alarm) / len(is_alarm) if is_alarm else None,
        "seconds": answers.seconds,
        "trained": answers.trained,
    }
    return {
        "part": [OVERALL, *classes],
        **{name: [figure, *[None] * len(classes)] for name, figure in overall.items()},
        **{
            name: [None, *of_classes.tolist()]
            for name, of_classes in zip(RATES, rates, strict=True)
        },
    }
