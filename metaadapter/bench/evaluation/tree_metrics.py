"""Figures of a label tree: accuracy by level, distance of mistakes, and sure answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.label_tree_file import fitted_tree, read_label_tree
from metaadapter.workflow.predictions import SURE


def tree_of_set(file: str | None, classes: Sequence[str]) -> LabelTree | None:
    """Return the label tree of a set; `None` without a file."""
    return None if file is None else fitted_tree(read_label_tree(Path(file)), classes, Path(file))


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
    of_classes = ClassTree.of(tree, classes)
    paths = [tree.path(label) for label in classes]
    best_Q = probabilities_QN.argmax(1)
    pairs = list(zip(best_Q.tolist(), own_Q.tolist(), strict=True))
    answers = of_classes.sure_answers(probabilities_QN, SURE)
    answered = [
        answer.label in paths[own]
        for answer, own in zip(answers, own_Q.tolist(), strict=True)
        if answer.label is not None
    ]
    figures = {
        "sure_answered": len(answered) / len(answers) if answers else float("nan"),
        "sure_right": _mean(answered),
        "sure_level": _mean([answer.level for answer in answers]),
    }
    for level in range(1, max(map(len, paths)) + 1):
        at_level = [path[:level] for path in paths]
        same = [at_level[best] == at_level[own] for best, own in pairs]
        figures[f"level_{level}"] = _mean(same)
    mistakes = [tree.distance(classes[best], classes[own]) for best, own in pairs if best != own]
    return figures | {"mistake_distance": _mean(mistakes)}


def _mean(values: Sequence[Any]) -> float:
    return float(np.mean(values)) if values else float("nan")
