"""Further figures of a task: those of a label tree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.label_tree_file import fitted_tree, read_label_tree
from metaadapter.workflow.prediction.predictions import SURE

TaskFigures = Callable[[Sequence[str], np.ndarray, np.ndarray], dict[str, float]]
"""Returns name → figure of one task, from its N classes, the probabilities (n queries, N), and the
correct classes 0 … N − 1 (n,)."""


def figures_of_tree(file: str | None, classes: Sequence[str]) -> TaskFigures | None:
    """Return the figures of a set's label tree; None without a file."""
    if file is None:
        return None
    return partial(tree_figures, fitted_tree(read_label_tree(Path(file)), classes, Path(file)))


def tree_figures(
    tree: LabelTree,
    classes: Sequence[str],
    probabilities_QN: Float[np.ndarray, "Q N"],
    own_Q: Int[np.ndarray, " Q"],
) -> dict[str, float]:
    """Return the figures of one task, whose `classes` are the columns of the probabilities.

    - `sure_answered`: the fraction of pictures for which a name in the tree has a probability of
      0.9.
    - `sure_right`: the fraction of these answers that are the picture's class or lie above it.
    - `sure_level`: the mean level of the answers to all pictures, 0 for no answer.
    - `level_1`, `level_2`, …: accuracy at this level: the most probable class has the same ancestor
      there as the own class; a class that is not so deep stands for itself.
    - `mistake_distance`: the mean number of edges between predicted and own class of mistakes.
    """
    paths = [tree.path(label) for label in classes]
    pairs = list(zip(probabilities_QN.argmax(1).tolist(), own_Q.tolist(), strict=True))
    answers = ClassTree.of(tree, classes).sure_answers(probabilities_QN, SURE)
    is_right = [
        answer.label in paths[own]
        for answer, (_, own) in zip(answers, pairs, strict=True)
        if answer.label is not None
    ]
    figures = {
        "sure_answered": _mean([answer.label is not None for answer in answers]),
        "sure_right": _mean(is_right),
        "sure_level": _mean([answer.level for answer in answers]),
    }
    for level in range(1, max(map(len, paths)) + 1):
        same = [paths[best][:level] == paths[own][:level] for best, own in pairs]
        figures[f"level_{level}"] = _mean(same)
    mistakes = [tree.distance(classes[best], classes[own]) for best, own in pairs if best != own]
    return figures | {"mistake_distance": _mean(mistakes)}


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values)) if values else float("nan")
