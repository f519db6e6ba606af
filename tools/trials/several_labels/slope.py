# ruff: noqa
"""The slope for new pictures from that of left-out ones, over many tasks with queries.

    python -m tools.trials.several_labels.slope STORE… [--seeds 6]

The stores have several labels a picture. Fits log slope = log slope of the left-out pictures + x · w / K
so that the log loss of the queries is least, each store counting the same: x = 1 (one factor), or x = 1, log
slope, log deviation of the scores of left-out negatives, fit of the names (learned). Prints w, and what
each store loses with w of the other stores, in thousandths of a nat above the best slope of a task.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit

from metaadapter.adapter.weights import classify
from metaadapter.bench.several.tasks import SeveralDraw, SeveralSet, draw_task
from metaadapter.errors import DataError
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.generator import Generator
from metaadapter.generator.label_calibration import SHARPENING
from metaadapter.generator.pretrained import shared_generator
from metaadapter.generator import several_labels as module

SHOTS = (1, 2, 3, 4, 6, 8, 12, 16)
MOST_QUERIES, FEWEST_QUERIES = 300, 30
LOG_SLOPES = np.log(8) + np.linspace(-2.5, 3.2, 20)
SHRINK = 1e-4
"""The weight of the squared weights, beside the log loss in nats."""


class Measured(NamedTuple):
    """What a task says of the slope, and the loss of its queries above that of the best slope."""

    of_left_out: float
    statistics_4: np.ndarray
    excess_G: np.ndarray

    def loss(self, weights: np.ndarray) -> float:
        """Return the excess in nats with these weights; those that are missing are 0."""
        at = self.of_left_out + self.statistics_4[: len(weights)] @ weights
        return float(np.interp(at, LOG_SLOPES, self.excess_G))


def draws(data: SeveralSet, seeds: int) -> Iterator[SeveralDraw]:
    """Draw tasks of 3 to 20 classes with names of several qualities, half of one block alone."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        for shots in SHOTS:
            try:
                draw = draw_task(data, int(rng.integers(3, 21)), shots, seed)
            except DataError:  # too few pictures of most classes
                continue
            if len(draw.queries_QD) < FEWEST_QUERIES:
                continue
            text_CD = draw.task.text_CD
            names = rng.choice(["own", "permuted", "none"], p=(0.6, 0.2, 0.2))
            if names == "permuted":
                text_CD = rng.permutation(text_CD)
            if names == "none":
                text_CD = np.zeros_like(text_CD)
            task = draw.task._replace(text_CD=text_CD)
            queries_QD = draw.queries_QD[:MOST_QUERIES]
            if task.blocks and rng.random() < 0.5:
                width = task.blocks[0]
                rows_ND, text_CD, queries_QD = (
                    _unit(rows[:, :width]) for rows in (task.rows_ND, text_CD, queries_QD)
                )
                task = task._replace(rows_ND=rows_ND, text_CD=text_CD, blocks=())
            yield SeveralDraw(task, queries_QD, draw.shows_QC[:MOST_QUERIES])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12)


def measured(draw: SeveralDraw, constants: ClosedForm) -> Measured:
    """Predict the adapter of a task, and find the loss of its queries for each slope."""
    labelled = draw.task.labelled
    support = labelled.by_class(
        torch.from_numpy(draw.task.text_CD), draw.task.logit_scale, draw.task.blocks
    )
    caught = {}
    usual_one = module.calibrate_labels

    def catch(above_NC, shows_NC, weight_NC):
        caught.update(
            above=above_NC, shows=shows_NC, found=usual_one(above_NC, shows_NC, weight_NC)
        )
        return caught["found"]

    module.calibrate_labels = catch
    predicted = module.several_labels(support, labelled, constants)
    module.calibrate_labels = usual_one
    queries_QD = torch.from_numpy(draw.queries_QD).to(predicted.weights.classes)
    slope, bias_C = caught["found"].slope, caught["found"].bias_C
    above_QC = ((classify(queries_QD, predicted.weights) - bias_C) / slope).numpy()
    per_shot = float((1 / labelled.shows_NC.sum(0)).mean())
    of_left_out = float(slope.log()) - SHARPENING * per_shot
    negatives = caught["above"][~caught["shows"]]
    spread = max(0.02, float(negatives.std(correction=0))) if len(negatives) else 0.02
    fit = float(module._problem(support.exact, constants).evidence.fit_T[0])
    statistics_4 = np.array([1, of_left_out, np.log(spread), fit]) * per_shot
    share_C = (draw.task.shows_NC.sum(0) + 0.5) / (len(draw.task.shows_NC) + 1)
    odds_C, bias, losses = np.log(share_C / (1 - share_C)), 0.0, []
    for steep in np.exp(LOG_SLOPES):
        start_QC = steep * above_QC + odds_C
        for _ in range(8):  # Newton's method for the common bias, from that of the last slope
            p_QC = expit(start_QC + bias)
            slack = (p_QC - draw.shows_QC).mean()
            bias -= np.clip(slack / ((p_QC * (1 - p_QC)).mean() + 1e-4), -2, 2)
        logit_QC = start_QC + bias
        losses.append((np.logaddexp(0, logit_QC) - draw.shows_QC * logit_QC).mean())
    excess_G = np.array(losses) - min(losses)
    return Measured(of_left_out, statistics_4, excess_G)


def learn(stores: list[list[Measured]], n_weights: int) -> np.ndarray:
    """Return the weights with the least mean loss."""

    def loss(weights: np.ndarray) -> float:
        means = [np.mean([task.loss(weights) for task in tasks]) for tasks in stores]
        return float(np.mean(means) + SHRINK * weights @ weights)

    found: np.ndarray = minimize(loss, np.zeros(n_weights), method="Powell").x
    return found


def main() -> None:
    """Measure the tasks of all stores, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stores", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    options = parser.parse_args()
    loaded, _ = shared_generator("default")
    constants = loaded.config.closed_form if isinstance(loaded, Generator) else ClosedForm()
    stores = [
        [measured(draw, constants) for draw in draws(SeveralSet.of_store(path), options.seeds)]
        for path in options.stores
    ]
    for n_weights in (1, 4):
        print(sum(map(len, stores)), "tasks, w =", learn(stores, n_weights).round(2).tolist())
    for number, path in enumerate(options.stores):
        others = stores[:number] + stores[number + 1 :]
        for n_weights, words in ((1, "one factor"), (4, "learned")):
            weights = learn(others, n_weights)
            loss = 1000 * np.mean([task.loss(weights) for task in stores[number]])
            print(f"{path.name}, {words} by the others: {loss:.1f}")


if __name__ == "__main__":
    main()
