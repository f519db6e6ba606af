"""How strong trained adapters are to be, asked of pictures that were left out of training."""

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
from metaadapter.labs.tuning.left_out_calibration import LeftOutPredictions, calibrate
from metaadapter.labs.tuning.left_out_heads import IN_ALL, folds
from metaadapter.labs.tuning.tuning_task import TuningTask

STRENGTHS = (0.0, 0.5, 1.0)
# What logits may be divided by.
TEMPERATURES = tuple(2.0 ** (eighths / 8) for eighths in range(9))
# One of so many parts of each class is left out at a time.
N_PARTS = 4
# Parts are left out until so many pictures have been asked, or all.
ENOUGH = 80


@dataclass(frozen=True, slots=True)
class LeftOutChoice:
    """What left-out pictures say of a tower with adapters of several strengths.

    Strength 0 is the tower as it was, and 1 is what training gives.
    """

    strength: float
    """The strength that they bear out."""
    calibration: Calibration
    """How sure the adapter may be that is predicted at this strength; as it is at strength 0."""
    n_pictures: int
    """How many pictures were left out."""
    accuracies: dict[float, float]
    """Strength → the fraction of them that is told correctly."""
    log_losses: dict[float, float]
    """Strength → the mean negative log-probability of their classes, at its own temperature."""


def left_out_parts(labels: Int[Tensor, " n"]) -> list[Int[Tensor, " left"]]:
    """Quarters of the pictures of each class, as many as it takes to ask enough of them.

    There is none if no class has three pictures: training asks each picture of an adapter of others
    of its class, so that of one picture of a class nothing is learned.
    """
    if int(labels.bincount().max()) < 3:
        return []
    part, found = folds(labels, N_PARTS), list[Tensor]()
    while len(found) <= int(part.max()) and sum(map(len, found)) < ENOUGH:
        found.append((part == len(found)).nonzero()[:, 0])
    return found


def ask_left_out(
    task: TuningTask,
    tower: AdaptedTower,
    settings: StepSettings,
    parts: Sequence[Int[Tensor, " left"]],
    tell: Callable[[int], object],
) -> LeftOutChoice:
    """Train without each of these parts of the pictures, and ask it.

    So many steps fewer are taken. The tower's adapters end as they began. `tell` is called after
    each step with a number up to that of the steps in `settings`, times that of the parts.
    """
    answers: dict[float, list[LeftOutPredictions]] = {strength: [] for strength in STRENGTHS}
    for number, left in enumerate(parts):
        fold = torch.full_like(task.labels_n, IN_ALL)
        fold[left] = 0
        learned = (fold == IN_ALL).nonzero()[:, 0]

        def ask(rows: Tensor, left: Tensor = left, fold: Tensor = fold) -> LeftOutPredictions:
            weights = task.left_out_heads(rows, fold).weights.task(0)
            return LeftOutPredictions(weights, rows[left], task.labels_n[left])

        answers[0.0].append(ask(task.rows_before))
        fewer = max(1, settings.n_steps * len(learned) // len(fold))
        for step in take_steps(task, learned, tower.parameters, replace(settings, n_steps=fewer)):
            tell(number * settings.n_steps + step * settings.n_steps // fewer)
        for strength in STRENGTHS[1:]:
            with tower.scaled(strength):
                answers[strength].append(ask(task.looks.rows()))
        tower.restart()
    found = choose(
        {it: torch.cat([part.logits for part in each]) for it, each in answers.items()},
        torch.cat([part.labels for part in answers[0.0]]),
    )
    if not found.strength:
        return found
    calibration = calibrate(answers[found.strength], found.calibration.temperature)
    return replace(found, calibration=calibration)


def choose(logits: dict[float, Float[Tensor, "n N"]], labels: Int[Tensor, " n"]) -> LeftOutChoice:
    """Take the strength with the least log loss; of equal ones the smaller.

    Each strength is asked at the temperature that suits it best (Guo et al., On Calibration of
    Modern Neural Networks, 2017), so that a tower is not taken for being less sure alone. Numbers
    that are not finite count as an infinite loss.

    Args:
        logits: Strength → what is said of each left-out picture; strength 0 is among them.
        labels: The classes of these pictures.
    """

    def log_loss(strength: float, temperature: float) -> float:
        said = logits[strength].double() / temperature
        return float(cross_entropy(said, labels).nan_to_num(inf))

    losses, temperatures = dict[float, float](), dict[float, float]()
    for strength in sorted(logits):
        at_each = {it: log_loss(strength, it) for it in TEMPERATURES}
        temperatures[strength] = min(at_each, key=at_each.__getitem__)
        losses[strength] = at_each[temperatures[strength]]
    best = min(losses, key=losses.__getitem__)
    return LeftOutChoice(
        best,
        Calibration(temperature=temperatures[best] if best else 1.0),
        len(labels),
        {it: float((said.argmax(1) == labels).double().mean()) for it, said in logits.items()},
        losses,
    )
