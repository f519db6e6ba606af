"""Adapters in coordinates of the span of a task's rows are those in the encoder's coordinates."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from metaadapter.adapter.weights import classify
from metaadapter.generator import chunks, span
from metaadapter.generator.span import span_of

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
BLOCKS = 150, 100


@pytest.fixture
def task(make_task):
    """Two tasks of wide rows: with equal pictures, missing ones, and a class without a text."""
    task = make_task(2, 4, 3, sum(BLOCKS))
    task.pictures[0, 0, 1] = task.pictures[0, 0, 0]
    task.mask[0, 1, 1:] = False
    task.mask[1, 3] = False
    task.text[1, 2] = 0.0
    return task


@pytest.fixture
def without_span(monkeypatch):
    def predict(generator, support):
        with monkeypatch.context() as patch:
            patch.setattr(span, "LEAST_SAVING", 1e9)
            assert span_of(support) is None
            return generator.predict(support)

    return predict


@pytest.mark.parametrize("at_once", [chunks.NUMBERS_AT_ONCE, 1], ids=["at once", "in chunks"])
@pytest.mark.parametrize("blocks", [(), BLOCKS], ids=["one block", "two"])
def test_adapter__in_the_span__is_that_in_all_coordinates(
    trained_like, task, without_span, monkeypatch, blocks, at_once
):
    monkeypatch.setattr(chunks, "NUMBERS_AT_ONCE", at_once)
    support = replace(task.support, blocks=blocks)

    adapters = trained_like.predict(support)

    expected = without_span(trained_like, support)
    for name, tensor in adapters.tensors().items():
        assert tensor.is_contiguous(), name
        torch.testing.assert_close(tensor, getattr(expected, name), rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(
        classify(task.query, adapters), classify(task.query, expected), **CLOSE
    )


def test_left_out__in_the_span__is_that_in_all_coordinates(trained_like, task, monkeypatch):
    support = task.support.map(lambda part: part[:1])

    left_out = trained_like.left_out(support)

    monkeypatch.setattr(span, "LEAST_SAVING", 1e9)
    expected = trained_like.left_out(support)
    torch.testing.assert_close(left_out.log_p, expected.log_p, **CLOSE)
    torch.testing.assert_close(left_out.known, expected.known, **CLOSE)


def test_gradients__in_the_span__are_those_in_all_coordinates(trained_like, task, monkeypatch):
    def gradient():
        trained_like.zero_grad()
        classify(task.query, trained_like(task.support)).softmax(-1).square().sum().backward()
        return trained_like.heads.task.weight.grad.clone()

    found = gradient()

    monkeypatch.setattr(span, "LEAST_SAVING", 1e9)
    expected = gradient()
    assert expected.abs().sum() > 0
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
