from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support

SEEDS = st.integers(0, 10_000)


def unit(draw, *shape):
    return normalize(torch.randn(*shape, generator=draw, dtype=torch.float64), dim=-1)


def support_of(seed, n_way=4, n_shot=3, n_tasks=2):
    """Tasks that lack classes, pictures and a text, with rubbish where nothing is."""
    draw = torch.Generator().manual_seed(seed)
    return Support.of_tasks(
        unit(draw, n_tasks, n_way, n_shot, 6),
        unit(draw, n_tasks, n_way, 6) * (torch.rand(n_tasks, n_way, 1, generator=draw) < 0.8),
        torch.rand(n_tasks, n_way, n_shot, generator=draw) < 0.7,
        torch.rand(n_tasks, n_way, generator=draw) < 0.8,
        logit_scale=20.0,
    )


def of_slow_loop(support, t):
    """Pictures of each class of a task, one by one."""
    return [
        [
            support.support_TNKD[t, c, k]
            for k in range(support.support_mask_TNK.shape[2])
            if support.support_mask_TNK[t, c, k] and support.class_mask_TN[t, c]
        ]
        for c in range(support.n_way)
    ]


def test_of_tasks__pictures_alone__fills_in_the_rest():
    pictures = torch.rand(2, 3, 4, 5)

    support = Support.of_tasks(pictures)

    assert torch.equal(support.text_TND, torch.zeros(2, 3, 5))
    assert support.support_mask_TNK.shape == (2, 3, 4)
    assert support.support_mask_TNK.all()
    assert support.class_mask_TN.shape == (2, 3)
    assert support.class_mask_TN.all()
    assert support.logit_scale_T is None
    assert (support.n_tasks, support.n_way) == (2, 3)


@given(labels=st.lists(st.integers(0, 3), max_size=12), seed=SEEDS)
def test_labelled_rows__of_rows__are_the_same_rows_class_by_class(same_support, labels, seed):
    draw = torch.Generator().manual_seed(seed)
    rows, numbers = unit(draw, len(labels), 5), torch.tensor(labels, dtype=torch.long)

    support = Support.of_rows(rows, numbers, unit(draw, 4, 5), logit_scale=20.0)

    result, classes = support.labelled_rows()
    order = numbers.argsort(stable=True)
    assert torch.equal(classes, numbers[order])
    assert torch.equal(result, rows[order])
    assert support.order == tuple(order.tolist())
    again = Support.of_rows(result, classes, support.text_TND[0], logit_scale=20.0)
    assert same_support(again, support)


@given(seed=SEEDS)
def test_parts__of_any_support__are_those_of_a_slow_loop(seed):
    support = support_of(seed)

    for t in range(2):
        shots = of_slow_loop(support, t)
        counts = [len(pictures) for pictures in shots]
        pictured = [n for n in counts if n]
        assert support.n_pictures_T[t] == max(1, sum(counts))
        expected = sum(pictured) / len(pictured) if pictured else 1
        assert float(support.n_shot_T[t]) == pytest.approx(expected)
        for c, (own, text) in enumerate(zip(shots, support.text_TND[t], strict=True)):
            mean = torch.stack(own).mean(0) if own else torch.zeros(6, dtype=torch.float64)
            torch.testing.assert_close(support.means_TND[t, c], mean)
            torch.testing.assert_close(support.start_TND[t, c], text if text.any() else mean)
        rows = support.rows_TMD[t][support.targets_TMN[t].any(-1)]
        labels = support.targets_TMN[t].argmax(-1)[support.targets_TMN[t].any(-1)]
        expected = [(row, c) for c, own in enumerate(shots) for row in own]
        assert labels.tolist() == [c for _, c in expected]
        assert all(torch.equal(row, own) for row, (own, _) in zip(rows, expected, strict=True))


def test_repeated_and_kept__leave_a_picture_out_of_each():
    support = support_of(5, n_tasks=1)
    keep = torch.ones(2, 4, 3, dtype=torch.bool)
    keep[0, 1, 0] = keep[1, 2, 1] = False

    many = support.repeated(2).kept(keep)

    assert many.n_tasks == 2
    for t in range(2):
        assert torch.equal(many.support_TNKD[t], support.support_TNKD[0])
        assert torch.equal(many.present_TNK[t], support.present_TNK[0] & keep[t])
    assert many.scale_T.tolist() == [20.0, 20.0]
