"""Answers of any kind contradict nothing; each changed figure does."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.contradictions import contradictions
from metaadapter.bench.evaluation.metrics import cell_tables, read_answers


def tables_of(seed, n_tasks=2, n_query=30, n_way=4, scale=3.0, help_=2.0):
    rng = np.random.default_rng(seed)
    way_TQ = rng.integers(0, n_way, (n_tasks, n_query))
    logits_TQN = rng.standard_normal((n_tasks, n_query, n_way))
    logits_TQN = scale * (logits_TQN + help_ * (np.arange(n_way) == way_TQ[..., None]))
    picture_TQ = np.arange(way_TQ.size).reshape(way_TQ.shape)
    answers = read_answers(torch.tensor(logits_TQN), way_TQ, picture_TQ)
    classes_TN = np.tile(np.arange(n_way), (n_tasks, 1))
    return cell_tables("all", answers, classes_TN, {})


@pytest.mark.parametrize(
    ("table", "column", "change", "text"),
    [
        ("rows", "accuracy", lambda value: value + 0.001, "no whole number"),
        ("rows", "accuracy", lambda value: value + 1 / 30, "correct answers"),
        ("rows", "n_query", lambda value: value + 30, "queries"),
        ("rows", "nll", lambda value: value / 20, "log loss"),
        ("rows", "brier", lambda value: value / 20, "Brier score"),
        ("rows", "brier", lambda value: 3 * value + 1, "Brier score"),
        ("rows", "ece", lambda value: value / 20, "calibration error"),
        ("bins", "right", lambda value: value + 1, "correct answers"),
        ("bins", "confidence", lambda value: value * 0.5, "calibration error"),
    ],
)
def test_contradictions__of_a_changed_column__name_it(table, column, change, text):
    tables = copy.deepcopy(tables_of(0, n_tasks=1))
    tables[table][column] = [change(value) for value in tables[table][column]]

    found = contradictions(tables)

    assert any(text in one for one in found), found


def test_contradictions__log_loss_above_what_a_perfect_accuracy_allows__is_named():
    tables = tables_of(0, help_=9.0)
    assert tables["rows"]["accuracy"] == [1.0, 1.0]
    tables["rows"]["nll"] = [1.42, 1.42]

    assert "a mean log loss of 1.420, but by the confidence" in contradictions(tables)[0]
