"""Rows of an evaluation on `tiny` features, computed a second time from the published formulas.

In float64, one task, with scikit-learn and autograd in place of the batched heads.
"""

from __future__ import annotations

import csv
import shutil
from importlib.resources import as_file, files

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from metaadapter import FeatureStore
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.store_sets import load_sets

SHOTS = (1, 4)
METHODS = ("zero-shot", "Tip-Adapter", "GDA", "LP++", "CLIP-Adapter")
GDA_ALPHA = {1: 0.03, 4: 0.1}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The rows, and what they were measured on: texts, pictures and labels of each task."""
    from metaadapter.apps.cli.app import main

    folder = tmp_path_factory.mktemp("by-hand")
    with as_file(files("metaadapter") / "assets" / "demo" / "pictures") as pictures:
        few = [pictures / name for name in ("dress", "hat", "shoes", "t-shirt")]
        (folder / "wear").mkdir()
        for source in few:
            (folder / "wear" / source.name).mkdir()
            for picture in sorted(source.iterdir())[:8]:
                shutil.copy(picture, folder / "wear" / source.name)
        encode = ["encode", str(folder / "wear"), "--out", str(folder / "demo"), "-q"]
        assert main([*encode, "--blocks", "joint"]) == 0
    config = EvaluationConfig(stores=(str(folder / "demo"),), methods=METHODS, shots=SHOTS, seeds=1)
    evaluate(config, folder / "run")
    with (folder / "run" / "rows.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["method"], int(row["n_shot"])): row for row in csv.DictReader(file)}
    (data,) = load_sets(config)
    drawn = draw_tasks(data, config, 0)
    store = FeatureStore.open(folder / "demo")
    X = store.mean_features()[0].astype(np.float64)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    text = np.stack([store.class_texts()[data.classes[c]] for c in drawn.classes_TN[0]])
    return rows, X, text.astype(np.float64), drawn, store.logit_scale


def task(measured, n_shot):
    _, X, text, drawn, scale = measured
    support = X[drawn.support_TNK[0, :, :n_shot].flatten()]
    labels = np.repeat(np.arange(len(text)), n_shot)
    asked = drawn.query_TNQ[0]
    query, truth = X[asked[asked >= 0]], np.nonzero(asked.numpy() >= 0)[0]
    return support, labels, text, query, truth, scale


def zero_shot(support, labels, text, query, scale):
    return scale * query @ text.T


def tip_adapter(support, labels, text, query, scale):
    cache = np.exp(-1.0 * (1 - query @ support.T)) @ np.eye(len(text))[labels]
    return scale * query @ text.T + 1.17 * cache


def gda(support, labels, text, query, scale):
    n_way, width = text.shape
    n_shot = len(support) // n_way
    means = support.reshape(n_way, n_shot, width).mean(1)
    residuals = support - (means[labels] if n_shot > 1 else support.mean(0))
    covariance = residuals.T @ residuals / (len(support) - 1)
    if n_shot == 1:
        shrunk = np.trace(covariance) / width * np.eye(width)
    else:
        shrunk = (residuals.T @ residuals + np.trace(covariance) * np.eye(width)) / width

    class Fixed:
        def fit(self, _):
            self.covariance_ = shrunk

    head = LinearDiscriminantAnalysis(
        solver="lsqr", priors=np.full(n_way, 1 / n_way), covariance_estimator=Fixed()
    )
    # One picture a class is too few for scikit-learn; two at its place have the same mean.
    head.fit(np.repeat(support, 2, 0), np.repeat(labels, 2))
    return scale * query @ text.T + GDA_ALPHA[n_shot] * head.decision_function(query)


def lp_plus_plus(support, labels, text, query, scale):
    x, t, y = (torch.tensor(each) for each in (support, text, labels))
    n, n_way = len(x), len(t)
    vectors = torch.stack([x[y == c].sum(0) for c in range(n_way)]).requires_grad_()
    bias = torch.zeros(n_way, dtype=torch.float64, requires_grad=True)
    alpha = torch.full_like(bias, 2.5 * scale * float((x @ t.T)[range(n), y].mean()))
    alpha.requires_grad_()
    step = 4 * n / float(torch.linalg.matrix_norm(x, 2)) ** 2
    text_step = n / (4 * float((x @ t.T).square().sum(0).max()))
    optimizer = torch.optim.SGD([vectors, bias], lr=step, momentum=0.9)
    for i in range(300):
        optimizer.zero_grad()
        alpha.grad = None
        cross_entropy(x @ vectors.T + bias + alpha * (x @ t.T), y).backward()
        optimizer.step()
        if i % 10 == 9:
            alpha.data -= text_step * alpha.grad
    q = torch.tensor(query)
    return (q @ vectors.T + bias + alpha * (q @ t.T)).detach().numpy()


def clip_adapter(support, labels, text, query, scale):
    x, t, y = (torch.tensor(each) for each in (support, text, labels))
    width = x.shape[1]
    down, up = nn.Linear(width, width // 4, bias=False), nn.Linear(width // 4, width, bias=False)
    layers = nn.Sequential(down, nn.ReLU(), up).double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        down.weight.copy_((2 * torch.rand(width // 4, width, generator=draw) - 1) / width**0.5)
        up.weight.zero_()

    def logits(rows):
        return scale * normalize(0.2 * layers(rows) + 0.8 * rows, dim=1) @ t.T

    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(logits(x), y).backward()
        optimizer.step()
    return logits(torch.tensor(query)).detach().numpy()


HEADS = dict(zip(METHODS, (zero_shot, tip_adapter, gda, lp_plus_plus, clip_adapter), strict=True))


@pytest.mark.parametrize("n_shot", SHOTS)
@pytest.mark.parametrize("method", METHODS)
def test_row__computed_again_by_hand__is_the_same(measured, method, n_shot):
    *pieces, query, truth, scale = task(measured, n_shot)

    log_probability = log_softmax(HEADS[method](*pieces, query, scale), axis=1)

    row = measured[0][method, n_shot]
    assert float(row["accuracy"]) == pytest.approx((log_probability.argmax(1) == truth).mean())
    nll = -log_probability[np.arange(len(truth)), truth].mean()
    assert float(row["nll"]) == pytest.approx(nll, abs=1e-5)
