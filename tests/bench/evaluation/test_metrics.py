from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn import metrics

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.bench.evaluation.metrics import bin_sums, read_answers, score
from metaadapter.bench.evaluation.task_figures import tree_figures

TASKS, QUERIES, WAYS = 4, 30, 5


def calibration_error(confidence, correct):
    """Bin by bin; certainty is in the last."""
    gaps = []
    for number in range(15):
        end = 1.01 if number == 14 else (number + 1) / 15
        here = (confidence >= number / 15) & (confidence < end)
        gaps.append(abs((confidence[here] - correct[here]).sum()))
    return sum(gaps) / len(correct)


def read(log_probability_TQN, labels_TQ):
    """The answers; a query of class −1 does not count."""
    numbers_TQ = np.arange(labels_TQ.size).reshape(labels_TQ.shape)
    numbers_TQ = np.where(labels_TQ < 0, -1, numbers_TQ)
    return read_answers(torch.tensor(log_probability_TQN), labels_TQ, numbers_TQ)


def figures(log_probability_TQN, labels_TQ):
    n_tasks, _, n_way = log_probability_TQN.shape
    return score(read(log_probability_TQN, labels_TQ), n_tasks, n_way)


@pytest.fixture
def answers():
    """Of four random tasks; the third lacks a class, the last has a third of its queries."""
    rng = np.random.default_rng(0)
    labels_TQ = rng.integers(0, WAYS, (TASKS, QUERIES))
    labels_TQ[2][labels_TQ[2] == 1] = 0
    labels_TQ[3, 10:] = -1
    logits_TQN = rng.standard_normal((TASKS, QUERIES, WAYS))
    logits_TQN += 1.5 * (np.arange(WAYS) == labels_TQ[..., None])
    return log_softmax(logits_TQN, axis=-1), labels_TQ


def by_label(metric, **options):
    return lambda labels, probability: metric(labels, probability.argmax(-1), **options)


WITNESSES = {
    "accuracy": by_label(metrics.accuracy_score),
    "balanced_accuracy": by_label(metrics.balanced_accuracy_score),
    "macro_f1": by_label(metrics.f1_score, average="macro"),
    "nll": lambda labels, p: metrics.log_loss(labels, p, labels=range(WAYS)),
    "brier": lambda labels, p: ((p - np.eye(WAYS)[labels]) ** 2).sum(-1).mean(),
    "ece": lambda labels, p: calibration_error(p.max(-1), p.argmax(-1) == labels),
}


@pytest.mark.parametrize("name", WITNESSES)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_score__of_each_task__is_as_scikit_learn_has_it(answers, name):
    log_probability_TQN, labels_TQ = answers
    of_tasks = figures(*answers)[name]
    for task, labels_Q in enumerate(labels_TQ):
        there = labels_Q >= 0
        expected = WITNESSES[name](labels_Q[there], np.exp(log_probability_TQN[task, there]))
        assert of_tasks[task] == pytest.approx(expected, abs=1e-12)


def test_bin_sums__count_each_query_once(answers):
    known = read(*answers)

    n, confidence, correct = bin_sums(known, TASKS).sum((0, 1))

    log_probability_TQN, labels_TQ = answers
    hits = log_probability_TQN.argmax(-1) == labels_TQ
    assert (n, correct) == (100, hits[labels_TQ >= 0].sum())
    assert confidence == pytest.approx(np.exp(log_probability_TQN.max(-1))[labels_TQ >= 0].sum())


def test_score__a_class_ruled_out__has_no_probability_and_costs_nothing():
    with np.errstate(divide="ignore"):
        log_probability_TQN = np.log(np.array([[[0.75, 0.25, 0.0], [0.5, 0.5, 0.0]]]))

    result = figures(log_probability_TQN, np.array([[0, 1]]))

    assert result["accuracy"] == [0.5]  # the tie goes to the first class
    assert result["nll"] == pytest.approx([-(np.log(0.75) + np.log(0.5)) / 2])
    assert result["brier"] == pytest.approx([(2 * 0.25**2 + 2 * 0.5**2) / 2])


@given(order_N=st.permutations(range(WAYS)), order_Q=st.permutations(range(QUERIES)))
def test_score__order_of_classes_and_queries__changes_no_figure(order_N, order_Q):
    rng = np.random.default_rng(0)
    log_probability_TQN = log_softmax(rng.standard_normal((2, QUERIES, WAYS)), axis=-1)
    labels_TQ = rng.integers(-1, WAYS, (2, QUERIES))
    place_N = np.append(np.argsort(order_N), -1)  # of each class, and of no class

    result = figures(log_probability_TQN[:, order_Q][..., order_N], place_N[labels_TQ[:, order_Q]])

    for name, values in figures(log_probability_TQN, labels_TQ).items():
        assert result[name] == pytest.approx(values, nan_ok=True), name


TREE = LabelTree({"fox": "canine", "dog": "canine", "canine": "animal", "cat": "animal", "car": ""})
CLASSES = ["car", "cat", "dog", "fox"]


def test_tree_figures__by_hand():
    shares = np.array(
        [
            [0.00, 0.02, 0.48, 0.50],  # a dog: canine, right
            [0.95, 0.05, 0.00, 0.00],  # a cat: car, wrong, three edges apart
            [0.40, 0.30, 0.20, 0.10],  # a fox: no answer
            [0.00, 0.96, 0.02, 0.02],  # a cat: right
        ]
    )

    figures = tree_figures(TREE, CLASSES, shares, np.array([2, 1, 3, 1]))

    assert figures == {
        "sure_answered": 0.75,
        "sure_right": pytest.approx(2 / 3),
        "sure_level": pytest.approx((2 + 1 + 0 + 2) / 4),
        "level_1": 0.5,
        "level_2": 0.5,
        "level_3": 0.25,
        "mistake_distance": pytest.approx((2 + 3 + 4) / 3),
    }
