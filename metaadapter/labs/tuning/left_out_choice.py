"""The choice of the strength of trained adapters, by pictures left out of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from metaadapter.features.towers.config import Calibration
from metaadapter.labs.tuning.adapted_tower import AdaptedTower
from metaadapter.labs.tuning.inside_steps import StepSettings, take_steps
from metaadapter.labs.tuning.left_out_calibration import LeftOutPart, calibrate
from metaadapter.labs.tuning.left_out_heads import IN_ALL, folds
from metaadapter.labs.tuning.tuning_task import TuningTask

STRENGTHS = (0.0, 0.5, 1.0)
# The temperatures to choose from.
TEMPERATURES = tuple(2.0 ** (eighths / 8) for eighths in range(9))
# Each class has this many parts, one of which is left out at a time.
N_PARTS = 4
# Parts are left out until this many pictures were left out, or all.
ENOUGH = 80


@dataclass(frozen=True, slots=True)
class LeftOutChoice:
    """The accuracy of left-out pictures with adapters of several strengths.

    Strength 0 is the tower without adapters, and 1 is the result of training.
    """

    strength: float
    """The best strength."""
    calibration: Calibration
    """The calibration of the adapter predicted at this strength; none at strength 0."""
    n_pictures: int
    """The number of pictures that were left out."""
    accuracies: dict[float, float]
    """Strength → the fraction of pictures that are predicted correctly."""
    log_losses: dict[float, float]
    """Strength → the mean negative log-probability of the classes, at the best temperature."""


def left_out_parts(labels: Int[Tensor, " n"]) -> list[Int[Tensor, " left"]]:
    """Quarters of the pictures of each class, as many as it takes to leave out `ENOUGH` pictures.

    There are none if no class has three pictures: the loss of a picture is by an adapter from other
    pictures of its class, so that a class with one remaining picture teaches nothing.
    """
    if int(labels.bincount().max()) < 3:
        return []
    part, parts = folds(labels, N_PARTS), list[Tensor]()
    while len(parts) <= int(part.max()) and sum(map(len, parts)) < ENOUGH:
        parts.append((part == len(parts)).nonzero()[:, 0])
    return parts


def choose_strength(
    task: TuningTask,
    tower: AdaptedTower,
    settings: StepSettings,
    parts: Sequence[Int[Tensor, " left"]],
    report: Callable[[int], object],
) -> LeftOutChoice:
    """Train without each part of the pictures, and choose the strength that suits those parts.

    With fewer pictures, proportionally fewer steps are taken. The tower's adapters end in their
    initial state. After each step `report` is called with the work done, in steps of `settings` for
    each part.
    """
    answers: dict[float, list[LeftOutPart]] = {strength: [] for strength in STRENGTHS}
    for number, left in enumerate(parts):
        fold = torch.full_like(task.labels_n, IN_ALL)
        fold[left] = 0
        learned = (fold == IN_ALL).nonzero()[:, 0]

        def answer(rows: Tensor, left: Tensor = left, fold: Tensor = fold) -> LeftOutPart:
            weights = task.left_out_heads(rows, fold).weights.task(0)
            return LeftOutPart(weights, rows[left], task.labels_n[left])

        answers[0.0].append(answer(task.rows_before))
        fewer = max(1, settings.n_steps * len(learned) // len(fold))
        for step in take_steps(task, learned, tower.parameters, replace(settings, n_steps=fewer)):
            report(number * settings.n_steps + step * settings.n_steps // fewer)
        for strength in STRENGTHS[1:]:
            with tower.scaled(strength):
                answers[strength].append(answer(task.looks.rows()))
        tower.restart()
    choice = choose(
        {strength: torch.cat([part.logits for part in left]) for strength, left in answers.items()},
        torch.cat([part.labels for part in answers[0.0]]),
    )
    if not choice.strength:
        return choice
    calibration = calibrate(answers[choice.strength], choice.calibration.temperature)
    return replace(choice, calibration=calibration)


def choose(logits: dict[float, Float[Tensor, "n N"]], labels: Int[Tensor, " n"]) -> LeftOutChoice:
    """Choose the strength with the least log loss; of equal ones the smaller.

    Each strength has its best temperature (Guo et al., On Calibration of Modern Neural Networks,
    2017), so that a strength is not chosen only for being less confident. Logits that are not
    finite count as an infinite loss.

    Args:
        logits: Strength, 0 included → the logits of each left-out picture.
        labels: The classes of these pictures.
    """

    def log_loss(strength: float, temperature: float) -> float:
        tempered = logits[strength].double() / temperature
        return float(cross_entropy(tempered, labels).nan_to_num(inf))

    losses, temperatures = dict[float, float](), dict[float, float]()
    for strength in sorted(logits):
        by_temperature = {value: log_loss(strength, value) for value in TEMPERATURES}
        temperatures[strength] = min(by_temperature, key=by_temperature.__getitem__)
        losses[strength] = by_temperature[temperatures[strength]]
    best = min(losses, key=losses.__getitem__)
    return LeftOutChoice(
        best,
        Calibration(temperature=temperatures[best] if best else 1.0),
        len(labels),
        {
            strength: float((rows.argmax(1) == labels).double().mean())
            for strength, rows in logits.items()
        },
        losses,
    )
