from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn import metrics

from metaadapter.evaluation.calibration import calibration_error
from metaadapter.evaluation.metrics import METRICS, score, unknown_auroc

TASKS, QUERIES, WAYS = 4, 30, 5


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


@pytest.mark.parametrize(
    ("name", "witness"),
    [
        ("accuracy", metrics.accuracy_score),
        ("balanced_accuracy", metrics.balanced_accuracy_score),
        ("macro_f1", lambda true, called: metrics.f1_score(true, called, average="macro")),
    ],
)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_score__what_was_answered__is_as_scikit_learn_has_it(answers, name, witness):
    log_chance_TQN, labels_TQ = answers

    found = score(*answers).figures[name]

    for task, labels_Q in enumerate(labels_TQ):
        there = labels_Q >= 0
        called = log_chance_TQN[task, there].argmax(-1)
        assert found[task] == pytest.approx(witness(labels_Q[there], called), abs=1e-12)


def test_score__likelihood__is_as_scikit_learn_has_it(answers):
    log_chance_TQN, labels_TQ = answers

    found = score(*answers).figures["nll"]

    for task, labels_Q in enumerate(labels_TQ):
        there = labels_Q >= 0
        chance = np.exp(log_chance_TQN[task, there])
        expected = metrics.log_loss(labels_Q[there], chance, labels=range(WAYS))
        assert found[task] == pytest.approx(expected, abs=1e-12)


def test_score__brier_and_calibration__are_those_of_each_task_alone(answers):
    log_chance_TQN, labels_TQ = answers

    found = score(*answers).figures

    for task, labels_Q in enumerate(labels_TQ):
        there = labels_Q >= 0
        chance = np.exp(log_chance_TQN[task, there])
        truth = np.eye(WAYS)[labels_Q[there]]
        right = chance.argmax(-1) == labels_Q[there]
        assert found["brier"][task] == pytest.approx(((chance - truth) ** 2).sum(-1).mean())
        assert found["ece"][task] == pytest.approx(calibration_error(chance.max(-1), right))


def test_score__confusion_and_bins__count_each_query_once(answers):
    log_chance_TQN, labels_TQ = answers

    found = score(*answers)

    for task, labels_Q in enumerate(labels_TQ):
        there = labels_Q >= 0
        called = log_chance_TQN[task, there].argmax(-1)
        expected = metrics.confusion_matrix(labels_Q[there], called, labels=range(WAYS))
        assert (found.confusion_TNN[task] == expected).all()
    n, confidence, right = found.bins_B3.sum(0)
    assert (n, right) == (100, np.trace(found.confusion_TNN.sum(0)))
    assert confidence == pytest.approx(np.exp(log_chance_TQN.max(-1))[labels_TQ >= 0].sum())


def test_score__a_class_ruled_out__has_no_chance_and_costs_nothing():
    with np.errstate(divide="ignore"):
        log_chance_TQN = np.log(np.array([[[0.75, 0.25, 0.0], [0.5, 0.5, 0.0]]]))

    found = score(log_chance_TQN, np.array([[0, 1]])).figures

    assert found["accuracy"] == [0.5]  # the tie goes to the first class
    assert found["nll"] == pytest.approx([-(np.log(0.75) + np.log(0.5)) / 2])
    assert found["brier"] == pytest.approx([(2 * 0.25**2 + 2 * 0.5**2) / 2])


@pytest.mark.filterwarnings("error")
def test_score__a_task_without_queries__has_no_figures():
    found = score(np.log(np.full((1, 2, 2), 0.5)), np.full((1, 2), -1)).figures

    assert set(found) == set(METRICS) - {"unknown_auroc"}
    assert all(np.isnan(values).all() for values in found.values())


@given(order_N=st.permutations(range(WAYS)), order_Q=st.permutations(range(QUERIES)))
def test_score__order_of_classes_and_queries__changes_no_figure(order_N, order_Q):
    rng = np.random.default_rng(0)
    log_chance_TQN = log_softmax(rng.standard_normal((2, QUERIES, WAYS)), axis=-1)
    labels_TQ = rng.integers(-1, WAYS, (2, QUERIES))
    place_N = np.append(np.argsort(order_N), -1)  # of each class, and of no class

    found = score(log_chance_TQN[:, order_Q][..., order_N], place_N[labels_TQ[:, order_Q]])

    expected = score(log_chance_TQN, labels_TQ)
    for name, values in expected.figures.items():
        assert found.figures[name] == pytest.approx(values), name
    assert (found.confusion_TNN == expected.confusion_TNN[:, order_N][..., order_N]).all()


def test_unknown_auroc__with_ties__is_as_scikit_learn_has_it():
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(3, 10, 40) / 10, rng.integers(0, 8, 30) / 10

    found = unknown_auroc(known, unknown)

    is_known = np.r_[np.ones(40), np.zeros(30)]
    assert found == pytest.approx(metrics.roc_auc_score(is_known, np.r_[known, unknown]))


def test_unknown_auroc__nothing_unknown__is_not_a_number():
    assert np.isnan(unknown_auroc(np.ones(3), np.ones(0)))
