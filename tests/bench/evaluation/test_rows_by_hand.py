"""Rows of an evaluation, computed again in float64 from store and draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy

from metaadapter import FeatureStore
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.peers.by_name import PEERS

SHOTS = (1, 4)
METHODS = ("zero-shot", "Tip-Adapter", "GDA", "CLIP-Adapter")


@pytest.fixture(scope="module")
def measured(tmp_path_factory, store_in):
    """The rows, and what they were measured on: texts, pictures and labels of each task."""
    folder = tmp_path_factory.mktemp("by-hand")
    store_in(folder, "demo", dict.fromkeys("abcd", 8), width=16, spread=1.2)
    config = EvaluationConfig(stores=(str(folder / "demo"),), methods=METHODS, shots=SHOTS, seeds=1)
    evaluate(config, folder / "run")
    rows = pd.read_csv(folder / "run" / "rows.csv").set_index(["method", "n_shot"])
    (data,) = load_sets(config)
    drawn = draw_tasks(data, config, 0)
    store = FeatureStore.open(folder / "demo")
    X = store.mean_features()[0].astype(np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    text = np.stack([store.class_texts()[data.classes[c]] for c in drawn.classes_TN[0]])
    X, text = (torch.from_numpy(array).double() for array in (X, text[None]))
    return rows, X, text, drawn, store.logit_scale


@pytest.mark.parametrize("n_shot", SHOTS)
@pytest.mark.parametrize("method", METHODS)
def test_row__computed_again_by_hand__is_the_same(measured, method, n_shot):
    rows, X, text, drawn, scale = measured
    support = Support.of_tasks(X[drawn.support_TNK[..., :n_shot]], text, logit_scale=scale)
    query_NQ = drawn.query_TNQ[0]
    way, place = (query_NQ >= 0).nonzero(as_tuple=True)

    logits = classify(X[query_NQ[way, place]][None], PEERS[method](support))[0]

    row = rows.loc[method, n_shot]
    correct = (logits.argmax(1) == way).double()
    assert row["accuracy"] == pytest.approx(float(correct.mean()))
    assert row["nll"] == pytest.approx(float(cross_entropy(logits, way)), abs=1e-5)
