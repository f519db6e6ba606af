from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from metaadapter.bench.evaluation import measure as module
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.metrics import MOST_KEPT


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_SUPPORT", 1), ("MOST_QUERIES", 1), ("MOST_QUERIES", 99)]
)
def test_measure__zero_shot__is_as_a_slow_loop_has_it(pets, load, monkeypatch, limit, value):
    monkeypatch.setattr(module, limit, value)
    data, config = load(pets, tasks=3, ways=3)
    rows = draw_tasks(data, config, 0)

    found = measure(load_method("zero-shot"), data, rows)

    features = data.look_up(torch.arange(36)).double().numpy()
    texts = data.text_CD.numpy()
    counts, wrong = np.zeros((4, 4), dtype=int), []
    for task, classes in enumerate(rows.classes_TN.tolist()):
        correct, loss = [], []
        for way, number in enumerate(classes):
            for row in rows.query_TNQ[task, way].tolist():
                if row >= 0:
                    probability = softmax(20.0 * features[row] @ texts[classes].T)
                    correct.append(probability.argmax() == way)
                    loss.append(-np.log(probability[way]))
                    predicted = classes[probability.argmax()]
                    counts[number, predicted] += 1
                    if predicted != number:
                        wrong.append((probability.max(), row, number, predicted))
        assert found["rows"]["accuracy"][task] == pytest.approx(np.mean(correct))
        assert found["rows"]["nll"][task] == pytest.approx(np.mean(loss), rel=1e-5)
        assert found["rows"]["n_query"][task] == len(correct) == 21
    confusion = found["confusion"]
    cells = zip(confusion["true"], confusion["predicted"], confusion["count"], strict=True)
    assert list(cells) == [(*cell, counts[cell]) for cell in zip(*counts.nonzero(), strict=True)]
    assert sum(found["bins"]["n"]) == 63
    worst = sorted(wrong, reverse=True)[:MOST_KEPT]
    mistakes = found["mistakes"]
    pairs = zip(mistakes["picture"], mistakes["true"], mistakes["predicted"], strict=True)
    assert list(pairs) == [each[1:] for each in worst]
    assert mistakes["confidence"] == pytest.approx([p for p, *_ in worst])


def test_measure__unknown_classes__get_an_area_under_the_curve(pets, load):
    data, config = load(pets, unknown=0.25)

    found = measure(load_method("prototypes"), data, draw_tasks(data, config, 0))["rows"]

    assert 0.5 < found["unknown_auroc"][0] <= 1
    assert found["n_way"] == [3]
