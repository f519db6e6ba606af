from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from metaadapter.adapter import AdapterWeights
from metaadapter.errors import DataError
from metaadapter.evaluation import measure as module
from metaadapter.evaluation.draws import draw_tasks
from metaadapter.evaluation.measure import measure
from metaadapter.evaluation.methods import Method, load_method
from metaadapter.evaluation.mistakes import MOST_KEPT
from tools.peer_margins import measure as by_the_tool
from tools.store_tasks import StoreTasks


def planted(fit):
    return Method("planted", "0", fit, None)


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_SUPPORT", 1), ("MOST_QUERIES", 1), ("MOST_QUERIES", 99)]
)
def test_measure__zero_shot__is_as_a_slow_loop_has_it(pets, load, monkeypatch, limit, value):
    monkeypatch.setattr(module, limit, value)
    of, config = load(pets, tasks=3, ways=3)
    rows = draw_tasks(of, config, 0)

    found = measure(load_method("zero-shot"), of, rows)["all"]

    features, texts = of.source.features_nVD[:, 0].double().numpy(), of.source.text_CD.numpy()
    counts, wrong = np.zeros((4, 4), dtype=int), []
    for task, classes in enumerate(rows.classes_TN.tolist()):
        right, loss = [], []
        for way, number in enumerate(classes):
            for row in rows.query_TNQ[task, way].tolist():
                if row >= 0:
                    chance = softmax(20.0 * features[row] @ texts[classes].T)
                    right.append(chance.argmax() == way)
                    loss.append(-np.log(chance[way]))
                    called = classes[chance.argmax()]
                    counts[number, called] += 1
                    if called != number:
                        wrong.append((chance.max(), row, number, called))
        assert found.tasks[task]["accuracy"] == pytest.approx(np.mean(right))
        assert found.tasks[task]["nll"] == pytest.approx(np.mean(loss), rel=1e-5)
        assert found.tasks[task]["n_query"] == len(right) == 21
    assert sorted(found.confusion) == [
        (*cell, counts[cell]) for cell in zip(*counts.nonzero(), strict=True)
    ]
    assert sum(n for n, _, _ in found.bins) == 63
    worst = sorted(wrong, reverse=True)[:MOST_KEPT]
    assert [(each.picture, each.true, each.called) for each in found.mistakes] == [
        each[1:] for each in worst
    ]
    assert [each.confidence for each in found.mistakes] == pytest.approx([p for p, *_ in worst])


def test_measure__sampled_tasks__are_those_of_the_tool_that_the_card_is_made_with(pets, load):
    of, config = load(pets, shots=(1, 2, 4, 8), ways=20, queries=15, tasks=6)
    tasks = StoreTasks.draw(of.source, 6, seed=0)
    rows = draw_tasks(of, config, 0)

    for name in ("closed-form", "TaskRes"):
        method = load_method(name)
        for n_shot in tasks.shots:
            found = measure(method, of, rows.first(n_shot))["all"]
            expected = by_the_tool(method.fit, tasks, n_shot).accuracy_T
            accuracy = [100 * task["accuracy"] for task in found.tasks]
            assert accuracy == pytest.approx(expected.tolist())


def test_measure__base_and_new__are_judged_among_themselves(pets, load):
    of, config = load(pets, base_to_new=True)
    rows = draw_tasks(of, config, 0)

    found = measure(load_method("zero-shot"), of, rows, base_to_new=True)

    texts, features = of.source.text_CD, of.source.features_nVD[:, 0]
    for part, first in (("base", 0), ("new", 2)):
        queries = rows.query_TNQ[0, first : first + 2].flatten()
        queries = queries[queries >= 0]
        called = first + (features[queries] @ texts[first : first + 2].T).argmax(-1)
        expected = (called == of.source.labels_n[queries]).double().mean()
        assert found[part].tasks[0]["accuracy"] == pytest.approx(float(expected))
        assert {true for true, _, _ in found[part].confusion} == {first, first + 1}


def test_measure__unknown_classes__get_an_area_under_the_curve(pets, load):
    of, config = load(pets, unknown=0.25)

    (task,) = measure(load_method("prototypes"), of, draw_tasks(of, config, 0))["all"].tasks

    assert 0.5 < task["unknown_auroc"] <= 1
    assert task["n_way"] == 3


def test_measure__trained_numbers__are_those_of_one_task(pets, load):
    of, config = load(pets, tasks=3)
    rows = draw_tasks(of, config, 0)

    counts = {
        name: {
            task["trained_parameters"] for task in measure(load_method(name), of, rows)["all"].tasks
        }
        for name in ("zero-shot", "ZS-LP", "LP++")
    }

    assert counts == {"zero-shot": {0}, "ZS-LP": {4 * 8}, "LP++": {4 * (8 + 2)}}


def test_measure__answers_that_are_not_numbers__name_method_and_set(pets, load):
    of, config = load(pets)

    def diverge(support, logit_scale):
        return AdapterWeights.zero_shot(support.text_TND * torch.nan, logit_scale)

    with pytest.raises(
        DataError, match=r"planted gave answers that are not numbers on pets with 2"
    ):
        measure(planted(diverge), of, draw_tasks(of, config, 0))
