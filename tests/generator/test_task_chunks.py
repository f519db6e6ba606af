"""A large batch is predicted some tasks at a time, and gives what it gives at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaadapter.generator import chunks, generator


@pytest.fixture
def counted(monkeypatch):
    """Return the numbers of tasks that were predicted together, in order."""
    numbers = []
    weighed = generator.weighed

    def count(support):
        numbers.append(support.n_tasks)
        return weighed(support)

    monkeypatch.setattr(generator, "weighed", count)
    return numbers


def test_large_batch__in_chunks__gives_what_it_gives_at_once(
    trained_like, make_task, monkeypatch, counted
):
    task = make_task(5, 4, 3, 16)
    task.mask[:4, :, 1:] = False
    task.mask[4, 0, 1:] = False
    support = replace(task.support, class_mask_TN=task.support.class_mask_TN.clone())
    support.class_mask_TN[1, 2] = False
    expected = trained_like.predict(support)

    monkeypatch.setattr(chunks, "NUMBERS_AT_ONCE", 2 * 12 * 16)
    found = trained_like.predict(support)

    assert counted == [5, 2, 2, 1]
    assert found.tensors().keys() == expected.tensors().keys()
    for name, tensor in found.tensors().items():
        torch.testing.assert_close(tensor, getattr(expected, name), msg=lambda m, n=name: n + m)
