"""What programs of today train on frozen features: Frigate's head and LightlyStudio's forest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities

HIDDEN, DROPPED, EPOCHS, BATCH = 128, 0.3, 50, 16
SEED = 42

Predict = Callable[[Tensor], Tensor]
"""Takes rows, returns the probabilities of their P classes."""


def frigate(support: Support) -> LogitFunction:
    """Return the softmax of two dense layers, 128 units with ReLU and dropout 0.3 between them.

    Of a class of n pictures, n // 5 are held back for a validation that nothing reads.

    Settings: Adam 1e-3, 50 epochs of batches of 16, as in Frigate 0.17. Departures: these features
    instead of MobileNetV2's, of length 1 (a mean square of 1 loses 3 to 5 points more on clothing10
    at every shot); not rounded to 8 bits.
    """
    return _of_pictures(support, _fit_head)


def random_forest(support: Support) -> LogitFunction:
    """Return the mean vote of scikit-learn's random forest.

    Settings: balanced class weights, else scikit-learn's defaults, as in LightlyStudio. Departures:
    a probability is at least 10⁻⁶.
    """
    return _of_pictures(support, _fit_forest)


def _of_pictures(support: Support, fit: Callable[[Tensor, Tensor], Predict]) -> LogitFunction:
    """Return log-probabilities, the lowest for classes without a picture; no text is used."""

    def fit_task(task: Task) -> Predict:
        # What is drawn depends on the order, so rows and classes have one that no caller chooses.
        order = np.lexsort(task.rows_MD.T.cpu().numpy())
        places, classes = pd.factorize(task.labels_M.cpu().numpy()[order])
        if len(order):
            predict = fit(task.rows_MD[order].cpu(), torch.from_numpy(places))

        def scores(query_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
            shares_QN = query_QD.new_zeros(len(query_QD), len(task.text_ND))
            if len(order):
                shares_QN[:, classes] = predict(query_QD.cpu()).to(shares_QN)
            return log_probabilities(shares_QN)

        return scores

    return answers(support, fit_task)


def _fit_forest(rows: Tensor, places: Tensor) -> Predict:
    forest = RandomForestClassifier(class_weight="balanced", random_state=SEED)
    forest.fit(rows.numpy(), places.numpy())
    return lambda query: torch.from_numpy(forest.predict_proba(query.numpy()))


def _fit_head(rows: Tensor, places: Tensor) -> Predict:
    own = [numbers.nonzero()[:, 0] for numbers in one_hot(places).T]
    kept = torch.cat([numbers[len(numbers) // 5 :] for numbers in own])
    shown, targets = rows[kept].float(), places[kept]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(SEED)
        first, last = nn.Linear(rows.shape[1], HIDDEN), nn.Linear(HIDDEN, len(own))
        head = nn.Sequential(first, nn.ReLU(), nn.Dropout(DROPPED), last)
        for layer in (first, last):  # as Keras starts them
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, eps=1e-7)
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(shown)), BATCH):
                optimizer.zero_grad()
                cross_entropy(head(shown[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    head.eval().requires_grad_(False)
    return lambda query: head(query.float()).softmax(-1)
