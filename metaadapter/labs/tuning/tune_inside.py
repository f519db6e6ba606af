"""Adapters inside the image tower, trained on the labelled pictures of one task.

They are kept if they help pictures that are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from metaadapter.data.inputs import ImageInput
from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress, Stage
from metaadapter.features.towers.config import Calibration, InsideConfig
from metaadapter.features.views import n_looks
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.choose_strength import LeftOutChoice, choose_strength, left_out_parts
from metaadapter.labs.tuning.inside_steps import BATCH, StepSettings, take_steps
from metaadapter.labs.tuning.tuning_task import Tuned, TuningTask, cache_looks
from metaadapter.workflow.fit_adapter import labelled_support

# The picture itself and four random crops; more views take more memory and time.
N_VIEWS = 5
EPOCHS = 6
WIDTHS = {"bottleneck": 64, "lora": 8}
# The factor on LoRA's product: alpha / rank.
LORA_STRENGTH = 2.0


@dataclass(frozen=True, slots=True)
class Inside:
    """The settings of training adapters inside the image tower."""

    kind: Literal["bottleneck", "lora"] = "bottleneck"
    """Bottlenecks after the blocks in the later half of the tower, or LoRA in their weights."""
    size: int | None = None
    """The inner width of each bottleneck, 64 by default, or the rank of LoRA, 8 by default."""
    n_steps: int | None = None
    """The number of gradient steps; 0 keeps the tower. `None` takes six passes over the pictures if
    such training helps left-out pictures, else no step."""

    def __post_init__(self) -> None:
        if not (self.size is None or self.size >= 1) or (self.n_steps or 0) < 0:
            raise UsageError(
                "size must be at least 1 or None, and n_steps at least 0 or None, got "
                f"size {self.size}, n_steps {self.n_steps}"
            )


TunedInside = Tuned[InsideConfig, LeftOutChoice]


def tune_inside(
    encoder: FrozenEncoder,
    pictures: Sequence[ImageInput],
    labels: Sequence[str],
    names: Mapping[str, str | list[str]] | None,
    settings: Inside | None = None,
    *,
    generator: AdapterGenerator,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> TunedInside:
    """Train adapters inside the image tower, and keep them if they help left-out pictures.

    The encoder does not change. To predict an adapter from the trained tower, encode the pictures
    with `with_inside` and predict as usual.

    Args:
        encoder: An encoder in float32. A second image tower stays frozen.
        pictures: Labelled pictures, each of which can be read.
        labels: The class of each picture.
        names: Label → name, or name and sentences, for classes with or without pictures; `None` to
            learn from the pictures only.
        settings: The settings of training; the defaults of `Inside` if `None`.
        generator: The generator that predicts the adapters.
        seed: The seed of the views, the batches and the initial weights.
        progress: Called with the progress of preparing pictures, then of the steps.

    Raises:
        UsageError: The encoder is not in float32, or its image tower has no places for adapters.
        UnreadableImage: A picture cannot be read.
    """
    settings, started = settings or Inside(), time.monotonic()
    if encoder.precision != "fp32":
        raise UsageError(
            f"the towers are trained in fp32, but the encoder was loaded in {encoder.precision}; "
            "load it with precision fp32 (predictions may use another precision afterwards)"
        )
    width = settings.size or WIDTHS[settings.kind]
    alpha = width * LORA_STRENGTH if settings.kind == "lora" else None
    config = InsideConfig(kind=settings.kind, towers=("image",), width=width, alpha=alpha)
    tower = AdaptedTower(encoder, config, len(labels) * N_VIEWS * n_looks(encoder.zoom), seed)
    task = _task(encoder, tower, pictures, labels, names, generator, seed, progress)
    n_steps, parts = settings.n_steps, list[Tensor]()
    if n_steps is None:
        n_steps, parts = max(1, round(EPOCHS * len(labels) / BATCH)), left_out_parts(task.labels_n)
    step_settings = StepSettings(n_steps, seed)
    report = _reporter("tune", n_steps * (len(parts) + 1), progress)
    left_out = choose_strength(task, tower, step_settings, parts, report) if parts else None
    strength, calibration = float(settings.n_steps is not None), Calibration()
    if left_out is not None:
        strength, calibration = left_out.strength, left_out.calibration
    step = 0
    if strength and n_steps:
        learned = torch.arange(len(labels))
        for step in take_steps(task, learned, tower.parameters, step_settings):
            report(n_steps * len(parts) + step)
        tower.scale(strength)
    report(n_steps * (len(parts) + 1))
    is_kept = step > 0  # no step is taken if each class has one picture
    tuned = config.model_copy(update={"n_steps": n_steps, "calibration": calibration})
    return TunedInside(
        tower.tensors() if is_kept else {},
        tuned if is_kept else None,
        left_out,
        tower.n_trained,
        time.monotonic() - started,
    )


def _task(
    encoder: FrozenEncoder,
    tower: AdaptedTower,
    pictures: Sequence[ImageInput],
    labels: Sequence[str],
    names: Mapping[str, str | list[str]] | None,
    generator: AdapterGenerator,
    seed: int,
    progress: Callable[[Progress], None] | None,
) -> TuningTask:
    """Cache the looks at the pictures, class by class."""
    order = sorted(range(len(labels)), key=labels.__getitem__)
    ordered = [labels[number] for number in order]
    classes = sorted({*labels, *(names or {})})
    looks = cache_looks(
        [pictures[number] for number in order],
        encoder,
        tower.cache,
        N_VIEWS,
        seed=seed,
        progress=_reporter("encode", len(order), progress),
    )
    support = labelled_support(
        looks.rows().numpy(), ordered, classes, names, encoder, logit_scale=encoder.logit_scale
    )
    numbers = torch.tensor([classes.index(label) for label in ordered])
    return TuningTask(looks, support, numbers, generator)


def _reporter(
    stage: Stage, total: int, progress: Callable[[Progress], None] | None
) -> Callable[[int], None]:
    started = time.monotonic()

    def report(done: int) -> None:
        if progress is not None:
            rate = done / max(time.monotonic() - started, 1e-9)
            progress(Progress(stage, done, total, rate))

    return report
