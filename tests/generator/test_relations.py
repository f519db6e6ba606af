from __future__ import annotations

import re
from dataclasses import replace

import torch

from metaadapter.generator import block_weights, relations, task_scalars
from metaadapter.generator.block_weights import block_scalars
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.generator import Generator
from metaadapter.generator.pool import pool_scalars
from metaadapter.generator.relations import (
    N_CLASS_SCALARS,
    relate,
)
from metaadapter.generator.ridge.leave_one_out import leave_one_out
from metaadapter.generator.task_scalars import N_TASK_SCALARS

N_OWN = N_CLASS_SCALARS - N_TASK_SCALARS


def relations_of(task):
    return relate(task.canonical, leave_one_out(task.regression))


def test_relate__scalars__are_those_of_the_docstrings_in_their_order(make_task, monkeypatch):
    computed = []
    original = relations.stacked

    def stacked(scalars):
        computed.append(list(scalars))
        return original(scalars)

    monkeypatch.setattr(relations, "stacked", stacked)
    relations_of(make_task(1, 3, 2, 16))

    classes, shots, pairs = computed
    monkeypatch.setattr(block_weights, "stacked", stacked)
    task = make_task(1, 3, 2, 16)
    block_scalars(canonicalise(replace(task.support, blocks=(9, 7))))
    of_block = computed[-1]
    monkeypatch.setattr(pool_scalars, "stacked", stacked)
    pool = task.pictures[:, :, 0]
    mask = torch.ones(pool.shape[:2], dtype=torch.bool)
    with_scale = task.with_scale(20.0)
    Generator().double()(replace(with_scale, pool_TUD=pool, pool_mask_TU=mask))
    of_pool = computed[-3:]
    functions = (
        *(relations._class_scalars, task_scalars.task_scalars, relations.shot_scalars),
        *(relations._pair_scalars, block_scalars, pool_scalars._picture_scalars),
        *(pool_scalars._class_scalars, pool_scalars.pool_scalars),
    )
    documented = [re.findall(r"^ *- `(\w+)`", one.__doc__, re.MULTILINE) for one in functions]
    assert documented == [classes[:N_OWN], classes[N_OWN:], shots, pairs, of_block, *of_pool]


def test_relate__cross_edges__are_cosines_of_texts_and_means(make_task):
    task = make_task(1, 3, 2, 16)

    edges = relations_of(task).edges_TNNE

    text_mean = 2
    means = task.pictures[0].mean(1)
    means, text = means - means.mean(0), task.text[0] - task.text[0].mean(0)
    for c in range(3):
        for d in range(3):
            cosine = text[c] @ means[d] / (text[c].norm() * means[d].norm())
            torch.testing.assert_close(edges[0, c, d, text_mean], cosine)
