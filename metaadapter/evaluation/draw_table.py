"""The draws of an evaluation as a table, so that anybody can put the same tasks to a method."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from episodes import EpisodeRows
from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.evaluation.table_files import table

__all__ = ["draw_table"]


def draw_table(draws: Iterable[tuple[EvaluationSet, int, EpisodeRows]]) -> pd.DataFrame:
    """A row for each picture of each task: k shots are those with `shot` ≤ k.

    Args:
        draws: Set, seed and tasks with the most shots. Queries are the same at every number of
            shots, and stand there once.
    """
    pieces = [_of_draw(*draw) for draw in draws]
    return pd.concat(pieces, ignore_index=True)


def _of_draw(data: EvaluationSet, seed: int, rows: EpisodeRows) -> pd.DataFrame:
    found = []
    for role, places in (
        ("support", rows.support_TNK.numpy()),
        ("query", rows.query_TNQ.numpy()),
        ("unknown", rows.off_class_TO.numpy()[:, None]),
    ):
        task, way, step = (places >= 0).nonzero()
        picture = places[task, way, step]
        columns = {
            "store": [data.name] * len(picture),
            "seed": [seed] * len(picture),
            "task": task,
            "way": np.full_like(way, -1) if role == "unknown" else way,
            "class": [data.classes[number] for number in data.labels_n[picture]],
            "role": [role] * len(picture),
            "shot": step + 1 if role == "support" else np.zeros_like(step),
            "picture": picture,
            "path": data.paths_n[picture],
            "sha256": data.contents_n[picture],
            "group": data.groups_n[picture],
        }
        found.append(table(columns))
    return pd.concat(found, ignore_index=True)
