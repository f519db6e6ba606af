"""Adapters inside the image tower, trained on the labelled pictures of one task.

They are kept where pictures that were left out bear it out.
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
from metaadapter.features.looks import n_looks
from metaadapter.features.towers.config import Calibration, InsideConfig
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.inside_steps import BATCH, StepSettings, take_steps
from metaadapter.labs.tuning.left_out_choice import LeftOutChoice, ask_left_out, left_out_parts
from metaadapter.labs.tuning.picture_looks import cache_looks
from metaadapter.labs.tuning.tuning_task import TuningTask
from metaadapter.workflow.labelled_support import labelled_support

# The picture and random crops of it: more take more memory, and time to prepare.
N_VIEWS = 5
EPOCHS = 6
WIDTHS = {"bottleneck": 64, "lora": 8}
# What LoRA's product is multiplied by.
LORA_STRENGTH = 2.0


@dataclass(frozen=True, slots=True)
class Inside:
    """How adapters inside the image tower are trained."""

    kind: Literal["bottleneck", "lora"] = "bottleneck"
    """What is put behind the blocks of the later half of the tower, or into their weights."""
    size: int | None = None
    """The numbers in the middle of each bottleneck, 64 by default, or the rank of LoRA, 8."""
    n_steps: int | None = None
    """The number of gradient steps; 0 keeps the tower. `None` takes six passes over the pictures if
    pictures that are left out bear it out, and none otherwise."""

    def __post_init__(self) -> None:
        if not (self.size is None or self.size >= 1) or (self.n_steps or 0) < 0:
            raise UsageError(
                "size must be at least 1 and n_steps at least 0, or None, got "
                f"size {self.size}, n_steps {self.n_steps}"
            )


@dataclass(frozen=True, slots=True)
class TunedInside:
    """What training gave: nothing to put into the tower where it was not borne out."""

    tensors: dict[str, Tensor]
    """As `inside_tensors` names them; empty where the tower stays as it is."""
    config: InsideConfig | None
    """What the adapter's configuration says of them; `None` without any."""
    left_out: LeftOutChoice | None
    """What left-out pictures said; `None` where none were asked, or no class has three."""
    n_trained: int
    """The count of trained numbers, kept or not."""
    seconds: float
    """The time that it took."""

    @property
    def n_steps(self) -> int:
        """The number of gradient steps behind what is kept."""
        return 0 if self.config is None else self.config.n_steps


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
    """Train adapters inside the image tower, and ask left-out pictures whether they are kept.

    The encoder stays as it is. What is trained are features from which the generator predicts
    better adapters: encode the pictures with `with_inside` and predict as ever.

    Args:
        encoder: In float32. A second image tower stays frozen.
        pictures: Labelled pictures, each of which can be read.
        labels: The class of each.
        names: Label → name, or name and sentences, of classes with pictures and without; `None` to
            learn from the pictures alone.
        settings: How they are trained; the defaults of `Inside` if `None`.
        generator: What predicts adapters.
        seed: That of the views, the batches and the start.
        progress: Told of the pictures that are prepared, then of the steps.

    Raises:
        UsageError: The encoder is not in float32, or its image tower has no places for adapters.
        UnreadableImage: A picture cannot be read.
    """
    settings, started = settings or Inside(), time.monotonic()
    if encoder.precision != "fp32":
        raise UsageError(
            f"the towers are trained in fp32, and the encoder was loaded in {encoder.precision}: "
            "load it with precision fp32; predictions may use another one afterwards"
        )
    order = sorted(range(len(labels)), key=labels.__getitem__)
    ordered = [labels[number] for number in order]
    classes = sorted({*labels, *(names or {})})
    numbers = torch.tensor([classes.index(label) for label in ordered])
    width = settings.size or WIDTHS[settings.kind]
    alpha = width * LORA_STRENGTH if settings.kind == "lora" else None
    config = InsideConfig(kind=settings.kind, towers=("image",), width=width, alpha=alpha)
    tower = AdaptedTower(encoder, config, len(order) * N_VIEWS * n_looks(encoder.zoom), seed)
    looks = cache_looks(
        [pictures[number] for number in order],
        encoder,
        tower.cache,
        N_VIEWS,
        seed=seed,
        progress=_teller("encode", len(order), progress),
    )
    support = labelled_support(
        looks.rows().numpy(), ordered, classes, names, encoder, logit_scale=encoder.logit_scale
    )
    task = TuningTask(looks, support, numbers, generator)
    n_steps, parts = settings.n_steps, list[Tensor]()
    if n_steps is None:
        n_steps, parts = max(1, round(EPOCHS * len(order) / BATCH)), left_out_parts(numbers)
    taken = StepSettings(n_steps, seed)
    tell = _teller("tune", n_steps * (len(parts) + 1), progress)
    left_out = ask_left_out(task, tower, taken, parts, tell) if parts else None
    strength, calibration = float(settings.n_steps is not None), Calibration()
    if left_out is not None:
        strength, calibration = left_out.strength, left_out.calibration
    step = 0
    if strength and n_steps:
        for step in take_steps(task, torch.arange(len(numbers)), tower.parameters, taken):
            tell(n_steps * len(parts) + step)
        tower.scale(strength)
    tell(n_steps * (len(parts) + 1))
    is_kept = step > 0  # none is taken where each class has one picture
    return TunedInside(
        tower.tensors() if is_kept else {},
        config.model_copy(update={"n_steps": n_steps, "calibration": calibration})
        if is_kept
        else None,
        left_out,
        tower.n_trained,
        time.monotonic() - started,
    )


def _teller(
    stage: Stage, total: int, progress: Callable[[Progress], None] | None
) -> Callable[[int], None]:
    """A function that tells how many of a stage are done, and how fast it goes."""
    started = time.monotonic()

    def tell(done: int) -> None:
        if progress is not None:
            rate = done / max(time.monotonic() - started, 1e-9)
            progress(Progress(stage, done, total, rate))

    return tell
