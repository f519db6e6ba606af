from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.scenes.study import OVERALL, confusions, field_rows

CLASSES = ("deer", "empty", "fox", "vehicle")


def rows_of(true, predicted):
    """The rows of one cell; classes by number."""
    pairs = {"true": true, "predicted": predicted, "count": [1] * len(true)}
    cell = CellResult(Cell("default", "traps", 4, 0), "", "", {"confusion": pairs})
    return field_rows(confusions([cell], len(CLASSES)), CLASSES).set_index("part")


def test_figures__counted_by_hand__know_species_false_alarms_and_missed_animals():
    true = [0, 0, 0, 2, 1, 1, 1, 1, 3]
    predicted = [0, 0, 1, 2, 0, 1, 1, 1, 3]

    overall = rows_of(true, predicted).loc[OVERALL]

    # Deer: two of three with one false alarm; fox: right. The vehicle and the empties do not count.
    assert overall["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert overall["false_alarms"] == 250
    assert overall["missed"] == 250


def test_rates__random_answers__agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 4, (2, 60)).tolist()

    rows = rows_of(true, predicted)

    expected = precision_recall_fscore_support(true, predicted, labels=range(4), zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), expected[:3], strict=True):
        assert rows.loc[list(CLASSES), name].to_numpy(float) == pytest.approx(values)
