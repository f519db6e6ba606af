"""Methods that read the pictures of a task, because they change the encoder, not only a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.adapter.known import calibrated
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.methods.method import PictureAnswers, PictureTask
from metaadapter.errors import UsageError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.fit_adapter import predict_adapter
from metaadapter.workflow.labelled_support import labelled_support

# docs/laboratory-notes/inside.md.
INSIDE_CHOSEN_ON = frozenset(
    ("clothing10.large", "trashnet6.large", "tiny-imagenet-val", "caltech101-val")
)
"""Data sets on which the settings of adapters inside the tower were chosen."""

INSIDE = "inside bottleneck"
SEED = 0
"""The seed of views and batches in all tasks."""


def _inside(task: PictureTask) -> PictureAnswers:
    from metaadapter.labs.tuning import tune_inside

    encoder, generator = task.encoder, load_generator("default")
    if not isinstance(encoder, FrozenEncoder):
        raise UsageError(
            f"{INSIDE} changes the tower of an open_clip encoder, but {encoder.name} is no "
            f"open_clip encoder; leave {INSIDE} out of --methods"
        )
    # Labels that sort in the order of the task's classes, whatever their names.
    classes = [f"{number:06}" for number in range(len(task.names))]
    names = dict(zip(classes, task.names, strict=True))
    labels = [classes[number] for number in task.labels.tolist()]
    tuned = tune_inside(encoder, task.paths, labels, names, generator=generator, seed=SEED)
    if tuned.config is None:
        weights = predict_adapter(generator, task.support)
        return lambda _paths, rows_QD: classify(rows_QD.double(), weights).to(rows_QD)
    adapted = with_towers(encoder, tuned.tensors, inside=tuned.config)
    features = adapted.encode_images(task.paths)
    support = labelled_support(
        features, labels, classes, names, adapted, logit_scale=encoder.logit_scale
    )
    weights = calibrated(predict_adapter(generator, support), tuned.config.calibration)

    def answers(paths: Sequence[Path], rows_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
        rows = torch.from_numpy(adapted.encode_images(paths)).double()
        return classify(rows, weights).to(rows_QD)

    return answers


PICTURE_METHODS: dict[str, Callable[[PictureTask], PictureAnswers]] = {INSIDE: _inside}
"""Name of a method → a function that fits it to one task and returns its `PictureAnswers`."""
