"""Pools of unlabelled pictures: which pictures they hold, and what methods see of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.run import evaluate
from metaadapter.errors import DataError


def pictures(rows):
    return rows[rows >= 0].tolist()


@pytest.mark.parametrize(
    ("kind", "queries"),
    [("balanced", "all"), ("balanced", 5), ("skewed", 5), ("strangers", "all"), ("strangers", 5)],
)
def test_pool__of_any_kind__has_no_picture_of_support_or_queries(zoo, draw, kind, queries):
    _, rows = draw(zoo, tasks=4, ways=4, pool=kind, pool_size=7, queries=queries)

    for task in range(4):
        pool = pictures(rows.pool_TU[task])
        others = pictures(rows.support_TNK[task]) + pictures(rows.query_TNQ[task])
        assert len(set(pool)) == len(pool) > 0
        assert len(set(others)) == len(others)
        assert not set(pool) & set(others)
        assert all((rows.query_TNQ[task] >= 0).any(-1))


def test_pool__balanced__has_as_many_of_each_class_as_there_are(zoo, draw):
    data, rows = draw(zoo, tasks=5, ways=4, pool="balanced", pool_size=7, queries=5)

    for task, classes in enumerate(rows.classes_TN.tolist()):
        counts = np.bincount(data.labels_n[pictures(rows.pool_TU[task])], minlength=6)
        # Of the twelve cows two are in the support and five are queries.
        assert [counts[c] for c in classes] == [
            5 if data.classes[c] == "cow" else 7 for c in classes
        ]
        assert counts.sum() == sum(counts[c] for c in classes)


def test_pool__skewed__holds_few_classes_more_than_others(zoo, draw):
    data, rows = draw(zoo, tasks=40, ways=4, pool="skewed", pool_size=5, queries=5)

    largest = []
    for task in range(40):
        labels = data.labels_n[pictures(rows.pool_TU[task])]
        assert set(labels) <= set(rows.classes_TN[task].tolist())
        largest.append(np.bincount(labels).max() / len(labels))
    assert 0.5 < np.mean(largest) < 0.9


def test_pool__with_strangers_and_unknown_classes__shares_no_picture_with_the_unknown(zoo, draw):
    _, rows = draw(zoo, tasks=5, ways=5, unknown=0.4, pool="strangers", queries=5)

    for task in range(5):
        assert not set(pictures(rows.pool_TU[task])) & set(pictures(rows.off_class_TO[task]))


@pytest.mark.parametrize("name", ["default", "ZLaP", "CORAL"])
def test_measure__reader_of_pools__reads_them_unless_it_is_asked_not_to(zoo, draw, name):
    """The generator, and peers with adapters and with functions that answer."""
    data, rows = draw(zoo, tasks=3, ways=4, pool="balanced", pool_size=9, queries=5)
    rows = rows.first(1)

    result = {
        method: measure(load_method(method), data, rows)["rows"]["nll"]
        for method in (name, f"{name}@labelled", "TaskRes", "TaskRes@labelled")
    }

    for task, classes in enumerate(rows.classes_TN):
        bare = Support.of_tasks(
            data.look_up(rows.support_TNK[[task]]),
            data.text_CD[classes][None],
            logit_scale=data.logit_scale,
        )
        pool = data.look_up(rows.pool_TU[task][rows.pool_TU[task] >= 0])
        queries = data.look_up(rows.query_TNQ[task]).flatten(0, 1)[None]
        own = torch.arange(4).repeat_interleave(5)
        for method, support in ((name, bare.with_pool(pool)), (f"{name}@labelled", bare)):
            logits = logits_of(load_method(name).fit(support), queries)[0]
            expected = torch.nn.functional.cross_entropy(logits, own)
            assert result[method][task] == pytest.approx(float(expected), rel=1e-3, abs=1e-6), (
                method
            )
    assert result[name] != result[f"{name}@labelled"]
    assert result["TaskRes"] == result["TaskRes@labelled"]


DIES_IN_A_WORKER = """\
import multiprocessing, os

def mine(support):
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return support.head(support.text_TND)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_method__that_dies_in_a_worker__is_told(pets, ask, write_method, tmp_path):
    mine = write_method(DIES_IN_A_WORKER, "")

    with pytest.raises(DataError, match="was killed, perhaps because memory ran out"):
        evaluate(ask(pets, methods=(f"{mine}:mine", "zero-shot")), tmp_path / "run", jobs=2)
