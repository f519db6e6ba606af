"""Tasks of more classes than the network was trained on, and the memory that they take."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from metaadapter.adapter.weights import classify
from metaadapter.generator import chunks, network_share
from metaadapter.generator import generator as generator_module
from metaadapter.generator.generator import Generator
from metaadapter.generator.ridge.closed_form import ClosedForm

CLOSE = {"rtol": 1e-6, "atol": 1e-6}


@pytest.fixture
def few_ways(monkeypatch):
    """The network counts in full up to 4 ways, and not at all from 8 on."""
    monkeypatch.setattr(network_share, "MOST_WAYS", 4)
    monkeypatch.setattr(network_share, "NO_WAYS", 8)


def same_constants(trained_like, *, trained, **constants):
    config = replace(trained_like.config, closed_form=ClosedForm(**constants))
    generator = Generator(config).double().eval()
    if trained:
        generator.load_state_dict(trained_like.state_dict())
    return generator


def shots_of_ways(n_way):
    return [1] * n_way


def shots_of_pictures(n_pictures):
    return [n_pictures // 2, n_pictures - n_pictures // 2]


@pytest.mark.parametrize(
    ("shots", "name"), [(shots_of_ways, "WAYS"), (shots_of_pictures, "PICTURES")]
)
def test_share__falls_from_1_to_0_without_a_jump(shots, name):
    first, last = (getattr(network_share, f"{end}_{name}") for end in ("MOST", "NO"))
    numbers = sorted({2, first // 2, last, 2 * last} | set(range(first, last, 1 + first // 100)))

    shares = torch.tensor([share_of(shots(number)) for number in numbers])

    numbers = torch.tensor(numbers)
    assert (shares[numbers <= first] == 1).all()
    assert (shares[numbers >= last] == 0).all()
    between = shares[(numbers >= first) & (numbers <= last)].diff()
    assert (between < 0).all()
    assert (between > -0.02).all()


@pytest.mark.parametrize(
    ("shots", "share"),
    [
        ([5, 5, 5], 1),
        ([0, 5, 0, 5], 1),
        # Harmonic means 4 / (3 + 1/4) and 9 / (8 + 1/100).
        ([1, 1, 1, 4], 1 - math.log(4 * 3.25 / 4 / 2) / math.log(4)),
        ([1] * 8 + [100], 0),
    ],
)
def test_share__of_uneven_shots__is_by_the_largest_over_the_harmonic_mean(shots, share):
    assert share_of(shots) == pytest.approx(share)


def share_of(shots):
    n_shot_1N = torch.tensor([shots], dtype=torch.float64)
    return float(network_share.network_share(n_shot_1N, torch.ones(1, len(shots)) > 0))


@pytest.mark.parametrize("most_rows", [1000, 4], ids=["small", "large"])
@pytest.mark.parametrize("n_shot", [1, 3])
def test_beyond_the_range__the_adapter_is_the_closed_form(
    few_ways, trained_like, make_task, monkeypatch, most_rows, n_shot
):
    task = make_task(2, 9, n_shot, 24)
    trained, untrained = (
        same_constants(trained_like, trained=trained, most_rows=most_rows)
        for trained in (True, False)
    )
    # The scalars of pairs of classes, which grow with the square of the classes.
    monkeypatch.delattr(generator_module, "relate")

    weights, expected = (part.predict(task.support) for part in (trained, untrained))

    logits = classify(task.query, expected)
    torch.testing.assert_close(classify(task.query, weights), logits, **CLOSE)
    for name in ("known", "known_quantiles", "own_quantiles", "reject_threshold"):
        torch.testing.assert_close(getattr(weights, name), getattr(expected, name), **CLOSE)


def test_classes_that_are_masked_out__do_not_lower_the_share(
    few_ways, trained_like, make_task, padded
):
    task = make_task(1, 4, 2, 24)

    weights = trained_like.predict(padded([task], 12, 3))

    expected = classify(task.query, trained_like.predict(task.support))
    torch.testing.assert_close(classify(task.query, weights)[..., :4], expected, **CLOSE)


class LargestTensor(TorchDispatchMode):
    """Remembers how many numbers the largest result of an operation has."""

    size = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        results = result if isinstance(result, tuple | list) else [result]
        sizes = [part.untyped_storage().nbytes() // 8 for part in results if torch.is_tensor(part)]
        self.size = max(self.size, *sizes, 0)
        return result


@pytest.mark.parametrize("n_shot", [0, 1, 3])
def test_many_classes__no_tensor_grows_with_their_square(
    few_ways, trained_like, make_task, monkeypatch, n_shot
):
    monkeypatch.setattr(chunks, "NUMBERS_AT_ONCE", 1000)
    generator = same_constants(trained_like, trained=True, most_rows=20)
    supports = [make_task(1, n_way, n_shot, 4).with_scale(20.0) for n_way in (200, 400)]
    sizes = []

    for support in supports:
        with LargestTensor() as largest:
            generator.predict(support)
        sizes.append(largest.size)

    small, large = sizes
    assert large < 2.1 * small
    assert large < 400 * 400
