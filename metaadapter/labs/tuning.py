"""Bottlenecks inside the image tower, trained on the labelled pictures of one task.

They are kept if they help pictures that are left out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from metaadapter.adapter.adapted_encoder import with_towers
from metaadapter.data.inputs import ImageInput
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.towers.config import InsideConfig
from metaadapter.files.progress import tell
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.labs.adapted_tower import AdaptedTower
from metaadapter.labs.choose_strength import LeftOutChoice, choose_strength, left_out_parts
from metaadapter.labs.tuning_task import BATCH, TuningTask
from metaadapter.workflow.class_texts import Texts
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.labelled_support import labelled_support

# The picture itself and four random crops; more views take more memory and time.
N_VIEWS = 5
EPOCHS = 6
WIDTH = 64


@dataclass(frozen=True, slots=True)
class TunedInside:
    """Trained adapters, or none if they do not help left-out pictures."""

    tensors: dict[str, Tensor]
    config: InsideConfig | None
    left_out: LeftOutChoice | None
    """The figures of left-out pictures; `None` if no class has three pictures."""
    n_trained: int
    seconds: float


def tune_inside(
    encoder: FrozenEncoder,
    pictures: Sequence[ImageInput],
    labels: Sequence[str],
    names: Mapping[str, str | list[str]] | None,
    *,
    generator: AdapterGenerator,
    seed: int = 0,
) -> TunedInside:
    """Train bottlenecks inside the image tower, and keep them if they help left-out pictures.

    The encoder does not change. To predict an adapter from the trained tower, encode the pictures
    with the encoder of `with_towers` and predict as usual. The progress counts the pictures that
    are prepared, then the steps: six passes over the pictures, for each part that is left out and
    then for all of them.

    Args:
        encoder: An encoder in float32. A second image tower stays frozen.
        pictures: Labelled pictures, each of which can be read.
        labels: The class of each picture.
        names: Label → name, or name and sentences, for classes with or without pictures; `None` to
            learn from the pictures only.
        generator: The generator that predicts the adapters.
        seed: The seed of the views, the batches and the initial weights.

    Raises:
        UsageError: The encoder is not in float32, or its image tower has no places for adapters.
        UnreadableImage: A picture cannot be read.
    """
    started = time.monotonic()
    if encoder.precision != "fp32":
        raise UsageError(
            f"the towers are trained in fp32, but the encoder was loaded in {encoder.precision}; "
            "load it with precision fp32 (predictions may use another precision afterwards)"
        )
    config = InsideConfig(width=WIDTH, n_steps=max(1, round(EPOCHS * len(labels) / BATCH)))
    # The pictures are cached class by class, so that their order changes nothing.
    order = sorted(range(len(labels)), key=labels.__getitem__)
    ordered, classes = [labels[number] for number in order], sorted({*labels, *(names or {})})
    tower = AdaptedTower(encoder, config, [pictures[number] for number in order], N_VIEWS, seed)
    support = labelled_support(
        tower.rows().numpy(), ordered, classes, names, encoder, logit_scale=encoder.logit_scale
    )
    numbers = torch.tensor([classes.index(label) for label in ordered])
    task = TuningTask(tower, support, numbers, generator)
    parts = left_out_parts(task.labels_n)
    total = config.n_steps * (len(parts) + 1)
    left_out = choose_strength(task, parts, config.n_steps, seed, total) if parts else None
    tensors: dict[str, Tensor] = {}
    if left_out is not None and left_out.strength:
        for step in task.steps(torch.arange(len(labels)), config.n_steps, seed):
            tell("tune", config.n_steps * len(parts) + step, total)
        tower.scale(left_out.strength)
        tensors = tower.tensors()
        config = config.model_copy(update={"calibration": left_out.calibration})
    tell("tune", total, total)
    return TunedInside(
        tensors,
        config if tensors else None,
        left_out,
        sum(parameter.numel() for parameter in tower.parameters),
        time.monotonic() - started,
    )


@final
@dataclass(slots=True)
class TuningStep:
    """Trains adapters inside the image tower; the `tune` of `adapt`."""

    generator: str
    inside: TunedInside | None = None
    """The result of the training; the call sets it."""

    def __call__(self, labelled: LabelledPictures, texts: Texts | None) -> LabelledPictures:
        """Return the pictures with the tuned encoder, or unchanged if tuning does not help."""
        encoder, pictures, origin = labelled.encoder, labelled.pictures, labelled.origin
        if not isinstance(encoder, FrozenEncoder):
            raise UsageError(
                "--inside trains a part of an open_clip model, but the encoder "
                f"{origin.encoder} is none; leave --inside out, or name another encoder"
            )
        generator, _ = shared_generator(self.generator)
        self.inside = tuned = tune_inside(
            encoder,
            [row.picture for row in pictures.rows],
            pictures.labels,
            texts,
            generator=generator,
            seed=origin.seed,
        )
        if tuned.config is None:
            return labelled
        adapted = with_towers(encoder, tuned.tensors, inside=tuned.config)
        encoded = encode_rows(pictures.rows, adapted, views=origin.n_views, seed=origin.seed)
        encoded = replace(encoded, quarantined=pictures.quarantined, warnings=pictures.warnings)
        return replace(labelled, pictures=encoded, encoder=adapted)
