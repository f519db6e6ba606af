"""The table of draws is enough to put the tasks of an evaluation to a method without it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn import metrics

from metaadapter.features.store.feature_store import FeatureStore

CELL = ["seed", "task"]


def by_hand(store, draws):
    """Zero-shot on every task, from the rows of the table and the store alone."""
    X, _ = store.mean_features()
    texts = store.class_texts()
    for (seed, task), drawn in draws.groupby(CELL):
        ways = drawn[drawn["role"] != "unknown"].groupby("way")["class"].first()
        queries = drawn[drawn["role"] == "query"]
        logits = store.logit_scale * X[queries["picture"]] @ np.stack([texts[c] for c in ways]).T
        yield seed, task, log_softmax(logits.astype(float), axis=1), queries["way"].to_numpy()


@pytest.mark.parametrize("changes", [{}, {"ways": 3, "queries": 4, "tasks": 3}, {"unknown": 0.25}])
def test_draws__with_the_store__give_every_row_of_zero_shot_again(pets, tables_of, changes):
    rows, draws = tables_of(pets, **changes)

    mine = rows[rows["method"] == "zero-shot"].set_index([*CELL, "n_shot"])
    n_rows = 0
    for seed, task, log_probability, way in by_hand(FeatureStore.open(pets), draws):
        for n_shot in (1, 2):
            row = mine.loc[seed, task, n_shot]
            predicted = log_probability.argmax(1)
            assert row["n_query"] == len(way)
            assert row["accuracy"] == pytest.approx(metrics.accuracy_score(way, predicted))
            f1 = metrics.f1_score(way, predicted, average="macro")
            assert row["macro_f1"] == pytest.approx(f1)
            labels = range(log_probability.shape[1])
            nll = metrics.log_loss(way, np.exp(log_probability), labels=labels)
            assert row["nll"] == pytest.approx(nll, rel=1e-5)
            n_rows += 1
    assert n_rows == len(mine)
