from __future__ import annotations

import pytest
import torch

from metaadapter.generator.leave_one_out import leave_one_out
from metaadapter.generator.relations import relate
from metaadapter.generator.scalars import (
    CLASS_SCALARS,
    PAIR_SCALARS,
    SHOT_SCALARS,
    TASK_SCALARS,
)


def relations_of(task):
    return relate(task.canonical, leave_one_out(task.regression))


def test_relate__whatever_a_mask_leaves_out__is_zero(make_task):
    task = make_task(2, 4, 3, 16)
    task.classes[0, 3] = False
    task.mask[0, 3] = False
    task.mask[1, 0, 1:] = False

    relations = relations_of(task)

    assert not relations.classes_TNC[0, 3].any()
    assert not relations.shots_TNKS[~task.mask].any()
    assert not relations.edges_TNNE[0, 3].any()
    assert not relations.edges_TNNE[0, :, 3].any()
    assert relations.classes_TNC.shape == (2, 4, len(CLASS_SCALARS) + len(TASK_SCALARS))
    assert relations.shots_TNKS.shape == (2, 4, 3, len(SHOT_SCALARS))
    assert relations.edges_TNNE.shape == (2, 4, 4, len(PAIR_SCALARS))


def test_relate__cross_edges__are_cosines_of_texts_and_means(make_task):
    task = make_task(1, 3, 2, 16)

    edges = relations_of(task).edges_TNNE

    text_mean = list(PAIR_SCALARS).index("text_mean")
    means = task.pictures[0].mean(1)
    means, text = means - means.mean(0), task.text[0] - task.text[0].mean(0)
    for c in range(3):
        for d in range(3):
            cosine = text[c] @ means[d] / (text[c].norm() * means[d].norm())
            torch.testing.assert_close(edges[0, c, d, text_mean], cosine)


TABLES = {"class": CLASS_SCALARS, "task": TASK_SCALARS, "shot": SHOT_SCALARS, "pair": PAIR_SCALARS}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_scalars__each_name__has_one_sentence(table):
    for sentence in table.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert ". " not in sentence


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("more", [True, False])
def test_relate__table_unlike_what_is_computed__is_refused_with_the_name(make_task, table, more):
    task, before = make_task(1, 3, 2, 16), dict(table)
    name = "new" if more else next(iter(table))

    try:
        if more:
            table[name] = "A new one."
        else:
            del table[name]
        with pytest.raises(KeyError, match=f"computed and named scalars differ: .'{name}'"):
            relations_of(task)
    finally:
        table.clear()
        table.update(before)
