"""Further figures of a task: the user's own metrics, and those of a label tree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from metaadapter.adapter.label_tree import ClassTree, LabelTree
from metaadapter.adapter.label_tree_file import fitted_tree, read_label_tree
from metaadapter.bench.evaluation.tables import TASK_COLUMNS
from metaadapter.errors import UsageError
from metaadapter.files.user_code import explain, is_user_code, load_user_code
from metaadapter.workflow.prediction.predictions import SURE

TaskFigures = Callable[[Sequence[str], np.ndarray, np.ndarray], dict[str, float]]
"""Returns name → figure of one task, from its N classes, the probabilities (n queries, N), and the
correct classes 0 … N − 1 (n,)."""


def load_metrics(names: Iterable[str]) -> list[TaskFigures]:
    """Load the user's metrics from FILE.py:FUNCTION; a figure has the name of its function.

    A function takes the probabilities and the correct classes, and returns a number.
    """
    columns, metrics = set[str](), list[TaskFigures]()
    for name in names:
        if not is_user_code(name):
            raise UsageError(f"metric {name!r}: expected FILE.py:FUNCTION")
        function = load_user_code(name, kind="metric")
        column = name.rpartition(":")[2]
        if not callable(function):
            raise UsageError(
                f"metric {name!r} must be a function of probabilities and classes, not {function!r}"
            )
        if column in columns or column in TASK_COLUMNS:
            raise UsageError(f"another metric or column is called {column!r}; rename the function")
        columns.add(column)
        metrics.append(partial(_own_figure, name, column, function))
    return metrics


def _own_figure(
    name: str,
    column: str,
    function: Callable[[np.ndarray, np.ndarray], float],
    _classes: Sequence[str],
    probabilities_QN: np.ndarray,
    own_Q: np.ndarray,
) -> dict[str, float]:
    """Return the figure of the user's function; an error names the function."""
    try:
        figure = float(function(probabilities_QN, own_Q))
        if math.isinf(figure):
            raise ValueError(f"it returned {figure}; return a number, or NaN if undefined")
        return {column: figure}
    except Exception as error:
        n, n_way = probabilities_QN.shape
        raise UsageError(
            f"metric {name!r} failed on {n} queries of {n_way} classes: {explain(error)}"
        ) from error


def figures_of_tree(file: str | None, classes: Sequence[str]) -> list[TaskFigures]:
    """Return the figures of a set's label tree; none without a file."""
    if file is None:
        return []
    return [partial(tree_figures, fitted_tree(read_label_tree(Path(file)), classes, Path(file)))]


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
