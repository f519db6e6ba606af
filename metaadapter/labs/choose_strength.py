"""Choose the strength of trained adapters on pictures left out of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.features.towers.config import Calibration
from metaadapter.files.progress import tell
from metaadapter.labs.tuning_task import IN_ALL, TuningTask, folds

# About forty left-out pictures are too few for quantiles beyond 0.95.
N_QUANTILES = FRACTIONS.index(0.95) + 1

STRENGTHS = (0.0, 0.5, 1.0)
# The temperatures to choose from.
TEMPERATURES = tuple(2.0 ** (eighths / 8) for eighths in range(9))
# The pictures of each class are divided into this many parts, one of which is left out at a time.
N_PARTS = 4
# Parts are left out until this many pictures were left out, or all.
ENOUGH = 80


class LeftOutPart(NamedTuple):
    """Pictures that were left out together, and the adapter that was predicted without them."""

    weights: AdapterWeights
    rows: Float[Tensor, "left D"]
    """The features of the pictures, from a tower that was trained without them or not at all."""
    labels: Int[Tensor, " left"]

    @property
    def logits(self) -> Float[Tensor, "left N"]:
        """The adapter's logits for the pictures."""
        return classify(self.rows, self.weights)


@dataclass(frozen=True, slots=True)
class LeftOutChoice:
    """The chosen strength, and left-out results by strength: 0 is no adapters, 1 as trained."""

    strength: float
    calibration: Calibration
    """The calibration of the adapter predicted at this strength; none at strength 0."""
    n_pictures: int
    accuracies: dict[float, float]
    log_losses: dict[float, float]
    """Strength → the mean negative log-probability of the classes, at the best temperature."""


def left_out_parts(labels: Int[Tensor, " n"]) -> list[Int[Tensor, " left"]]:
    """Return parts, each a quarter of every class, until they have `ENOUGH` pictures in total.

    Return no parts if no class has three pictures: a class with one picture left teaches nothing.
    """
    if int(labels.bincount().max()) < 3:
        return []
    part, parts = folds(labels, N_PARTS), list[Tensor]()
    while len(parts) <= int(part.max()) and sum(map(len, parts)) < ENOUGH:
        parts.append((part == len(parts)).nonzero()[:, 0])
    return parts


def choose_strength(
    task: TuningTask,
    parts: Sequence[Int[Tensor, " left"]],
    n_steps: int,
    seed: int,
    total: int,
) -> LeftOutChoice:
    """Train without each part of the pictures, and choose the best strength for left-out parts.

    The fewer pictures remain, the fewer than `n_steps` are taken. At the end, the tower's adapters
    are in their initial state.
    """
    answers: dict[float, list[LeftOutPart]] = {strength: [] for strength in STRENGTHS}
    tower = task.tower
    for number, left in enumerate(parts):
        fold = torch.full_like(task.labels_n, IN_ALL)
        fold[left] = 0
        learned = (fold == IN_ALL).nonzero()[:, 0]

        def answer(rows: Tensor, left: Tensor = left, fold: Tensor = fold) -> LeftOutPart:
            weights = task.left_out_adapters(rows, fold).task(0)
            return LeftOutPart(weights, rows[left], task.labels_n[left])

        answers[0.0].append(answer(task.rows_before))
        fewer = max(1, n_steps * len(learned) // len(fold))
        for step in task.steps(learned, fewer, seed):
            tell("tune", number * n_steps + step, total)
        trained = tower.state()
        for strength in STRENGTHS[1:]:
            tower.scale(strength)
            answers[strength].append(answer(tower.rows()))
            tower.restore(trained)
        tower.restore(tower.start)
    return choose(answers)


def choose(answers: Mapping[float, Sequence[LeftOutPart]]) -> LeftOutChoice:
    """Choose the strength with the least log loss; of equal strengths, the smaller.

    Each strength is taken at its best temperature (Guo et al., On Calibration of Modern Neural
    Networks, 2017), so that no strength is chosen only because its logits are less confident.
    Logits that are not finite count as an infinite loss.
    """
    logits = {
        strength: torch.cat([part.logits for part in parts]).double()
        for strength, parts in answers.items()
    }
    labels = torch.cat([part.labels for part in answers[0.0]])

    def log_loss(strength: float, temperature: float) -> float:
        return float(cross_entropy(logits[strength] / temperature, labels).nan_to_num(inf))

    losses, temperatures = dict[float, float](), dict[float, float]()
    for strength in sorted(logits):
        by_temperature = {value: log_loss(strength, value) for value in TEMPERATURES}
        temperatures[strength] = min(by_temperature, key=by_temperature.__getitem__)
        losses[strength] = by_temperature[temperatures[strength]]
    best = min(losses, key=losses.__getitem__)
    return LeftOutChoice(
        best,
        calibrate(answers[best], temperatures[best]) if best else Calibration(),
        len(labels),
        {
            strength: float((rows.argmax(1) == labels).double().mean())
            for strength, rows in logits.items()
        },
        losses,
    )


def calibrate(parts: Sequence[LeftOutPart], temperature: float) -> Calibration:
    """Compare the quantiles that adapters predict with those measured on left-out pictures.

    The tower was trained on the pictures of the support, so these look more typical than new ones.
    The calibration only lowers thresholds and only enlarges sets.
    """
    heads, known, own = [], [], []
    for part in parts:
        weights = part.weights.tempered(temperature)
        if weights.known_head is None:
            return Calibration(temperature=temperature)
        heads.append(weights.known_head)
        known.append(known_logits(part.rows, weights))
        log_p = classify(part.rows, weights).log_softmax(-1)
        own.append(log_p.gather(1, part.labels[:, None])[:, 0])
    known_measured, own_measured = _quantiles(torch.cat(known)), _quantiles(torch.cat(own))
    known_predicted, own_predicted = (
        torch.stack([getattr(head, name)[:N_QUANTILES] for head in heads]).mean(0)
        for name in ("known_quantiles", "own_quantiles")
    )
    return Calibration(
        temperature=temperature,
        known_shift=min(0.0, float((known_measured - known_predicted).mean())),
        own_scale=max(1.0, float(own_measured.sum() / own_predicted.sum().clamp(max=-1e-3))),
    )


def _quantiles(values: Float[Tensor, " n"]) -> Float[Tensor, " quantiles"]:
    """Return, for each of `FRACTIONS`, the value that this fraction of `values` exceeds."""
    return torch.quantile(values, 1 - values.new_tensor(FRACTIONS[:N_QUANTILES]))
