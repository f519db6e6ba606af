from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from metaadapter.bench.evaluation.strangers import (
    FAR,
    UNKNOWN,
    score_strangers,
)


def answers_of(seed=0, **columns):
    """Of three tasks: the second has no far strangers, the last no known picture."""
    rng = np.random.default_rng(seed)
    task = np.repeat([0, 1, 2], 30)
    way = rng.choice([0, 1, 2, UNKNOWN, FAR], 90)
    way[(task == 1) & (way == FAR)] = UNKNOWN
    way[(task == 2) & (way >= 0)] = FAR
    result = {"task": task, "way": way, "confidence": rng.integers(0, 9, 90) / 9}
    result |= {name: draw(rng) for name, draw in columns.items()}
    return np.rec.fromarrays(result.values(), names=list(result))


def normal(rng):
    return rng.standard_normal(90)


def flags(rng):
    return rng.integers(0, 2, 90).astype(float)


@pytest.mark.parametrize(("columns", "by"), [({}, "confidence"), ({"known": normal}, "known")])
def test_score__areas__are_those_of_each_kind_of_strangers_alone(columns, by):
    answers = answers_of(**columns)

    result = score_strangers(answers, 3)

    for name, kind in (("unknown_auroc", UNKNOWN), ("far_auroc", FAR)):
        for task in range(3):
            here = answers[answers.task == task]
            here = here[(here.way >= 0) | (here.way == kind)]
            is_known = here.way >= 0
            if is_known.all() or not is_known.any():
                assert np.isnan(result[name][task])
            else:
                expected = roc_auc_score(is_known, here[by])
                assert result[name][task] == pytest.approx(expected)


def test_score__fractions__are_means_of_the_pictures_that_they_speak_of():
    answers = answers_of(kept=flags, covered=flags, set_size=normal)

    result = score_strangers(answers, 3)

    for name, column, kinds in (
        ("kept", "kept", (0, 1, 2)),
        ("kept_near", "kept", (UNKNOWN,)),
        ("kept_far", "kept", (FAR,)),
        ("set_coverage", "covered", (0, 1, 2)),
        ("set_size", "set_size", (0, 1, 2)),
    ):
        for task in range(3):
            values = [row[column] for row in answers if row["task"] == task and row["way"] in kinds]
            expected = np.mean(values) if values else np.nan
            assert result[name][task] == pytest.approx(expected, nan_ok=True), name
