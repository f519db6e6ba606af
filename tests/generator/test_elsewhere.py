"""The generator for pictures from elsewhere: text + mean beside the generator that ships."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.weights import classify
from metaadapter.generator.elsewhere import PLAIN_SCALE, TEMPERATURE, USUAL_SCALE
from metaadapter.generator.pretrained import load_generator
from tests.random_tasks import RandomTasks

N_READ = 16


@pytest.fixture(scope="module")
def elsewhere():
    return load_generator("elsewhere")


def blocked(tasks, logit_scale):
    """Tasks whose texts fill the first 16 of 24 columns, where each picture has the length 0.8."""
    tasks.text[..., N_READ:] = 0
    tasks.text = normalize(tasks.text, dim=-1)
    for name in ("pictures", "query"):
        rows = getattr(tasks, name)
        parts = rows[..., :N_READ], rows[..., N_READ:]
        lengths = (0.8, 0.6)
        joined = [
            normalize(part, dim=-1) * length for part, length in zip(parts, lengths, strict=True)
        ]
        setattr(tasks, name, torch.cat(joined, -1))
    return replace(tasks.with_scale(logit_scale), blocks=(N_READ, 24 - N_READ))


@pytest.mark.parametrize("logit_scale", [25.0, None])
def test_logits__are_those_of_two_methods_added_and_tempered(elsewhere, logit_scale):
    tasks = RandomTasks(2, 4, 9)
    tasks.mask[:, 1, 1:] = False
    tasks.mask[:, 2] = False  # only a name
    tasks.text[:, 3] = 0  # only pictures
    support = blocked(tasks, logit_scale)

    logits = classify(tasks.query, elsewhere.predict(support))

    predicted = load_generator().predict(support)
    first = classify(tasks.query, predicted)
    scale = PLAIN_SCALE * (logit_scale or USUAL_SCALE)
    for task in range(2):
        for way in range(4):
            pictures = support.support_TNKD[task, way][support.present_TNK[task, way]]
            total = tasks.text[task, way, :N_READ].clone()
            if len(pictures):
                mean = sum(row[:N_READ] / row[:N_READ].norm() for row in pictures)
                total *= min(1, 2 / len(pictures) ** 0.5)
                total += mean / mean.norm()
            for query in range(4):
                row = tasks.query[task, query, :N_READ]
                cosine = row @ total / (row.norm() * total.norm())
                expected = (first[task, query, way] + scale * cosine) / TEMPERATURE
                assert float(logits[task, query, way]) == pytest.approx(float(expected), abs=1e-4)


def test_predict__with_a_pool_or_names_alone__keeps_the_adapter(elsewhere):
    tasks = RandomTasks(2, 4, 3)
    names_alone = replace(tasks.with_scale(20.0), support_mask_TNK=torch.zeros_like(tasks.mask))
    pooled = RandomTasks(1, 4, 3).with_scale(20.0).with_pool(tasks.query[0])

    for support in (names_alone, pooled):
        kept = elsewhere.predict(support)
        for name, tensor in load_generator().predict(support).tensors().items():
            assert torch.equal(getattr(kept, name), tensor), name


def test_predict__one_task_of_names_alone_in_a_batch__is_as_if_by_itself(elsewhere):
    tasks = RandomTasks(2, 4, 3)
    tasks.mask[0] = False
    support = tasks.with_scale(20.0)

    together = classify(tasks.query, elsewhere.predict(support))

    alone = replace(
        support,
        support_TNKD=support.support_TNKD[:1],
        text_TND=support.text_TND[:1],
        support_mask_TNK=support.support_mask_TNK[:1],
        class_mask_TN=support.class_mask_TN[:1],
        logit_scale_T=support.logit_scale_T[:1],
    )
    torch.testing.assert_close(
        together[:1], classify(tasks.query[:1], load_generator().predict(alone)), atol=1e-5, rtol=0
    )


def test_predict__text_of_a_masked_class__changes_nothing(elsewhere):
    tasks = RandomTasks(1, 4, 3)
    tasks.classes[:, 3] = False
    tasks.text[:, :3, N_READ:] = 0
    support = tasks.with_scale(20.0)
    text = support.text_TND.clone()
    text[:, 3] = 0

    one, other = (
        classify(tasks.query, elsewhere.predict(some))
        for some in (support, replace(support, text_TND=text))
    )

    torch.testing.assert_close(one[..., :3], other[..., :3])
