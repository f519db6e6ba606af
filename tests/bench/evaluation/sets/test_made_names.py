"""Class texts made from pictures, against loops over pictures, and in whole evaluations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.sets.made_names import with_names
from metaadapter.bench.evaluation.sets.store_sets import load_sets


def unit(row):
    return row / np.linalg.norm(row)


def rows_of(data):
    return data.look_up(torch.arange(len(data.labels_n))).numpy().astype(float)


def in_two_blocks(data):
    """The set as if its columns were two blocks of an encoder, with texts in the first alone."""
    text_CD = data.text_CD.clone()
    text_CD[:, 3:] = 0
    return replace(data, text_CD=text_CD, blocks=(3, 5), look_blocks={"joint": 3, "trunk": 5})


def test_made_names__picture_by_picture__are_class_means_with_noise(pets, load):
    data = in_two_blocks(load(pets)[0])

    made, noise = with_names(data, ["0.6", "noise"])

    sums = {}
    for row, label in zip(rows_of(data)[:, :3], data.labels_n, strict=True):
        sums.setdefault(label, []).append(row)
    means = [np.mean(rows, axis=0) for _, rows in sorted(sums.items())]
    for number, mean in enumerate(means):
        direction = noise.text_CD[number, :3].numpy()
        assert np.linalg.norm(direction) == pytest.approx(1)
        wanted = unit(unit(mean - np.mean(means, axis=0)) + 0.6 * direction)
        np.testing.assert_allclose(made.text_CD[number, :3], wanted, atol=1e-6)
    assert not made.text_CD[:, 3:].any()
    assert not noise.text_CD[:, 3:].any()


def test_made_names__in_cones__bend_the_blocks_with_texts_and_keep_lengths(pets, load):
    data = in_two_blocks(load(pets)[0])

    plain, bent = with_names(data, ["2", "cone:2"])

    before, after = rows_of(plain), rows_of(bent)
    np.testing.assert_array_equal(after[:, 3:], before[:, 3:])
    draw = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 3, generator=draw).double().numpy()
    first = unit(first)
    offsets = first, 0.25 * first + 0.9375**0.5 * unit(second - second @ first * first)
    for share, offset, rows, result in (
        (0.8, offsets[0], before, after),
        (0.65, offsets[1], plain.text_CD.numpy(), bent.text_CD.numpy()),
    ):
        for row, bent_row in zip(rows[:, :3], result[:, :3], strict=True):
            wanted = np.linalg.norm(row) * unit(share * unit(row) + offset)
            np.testing.assert_allclose(bent_row, wanted, atol=1e-6)
    joint = rows_of(bent.joint)
    np.testing.assert_allclose(joint, [unit(row) for row in after[:, :3]], atol=1e-6)


def test_load_sets__levels__are_sets_of_their_own(pets, ask):
    config = ask(pets, names=("own", 0.6, "noise", "cone:4.0", "0.60"))

    sets = load_sets(config)

    names = ("pets", "pets, made names 0.6", "pets, made names noise", "pets, made names cone:4")
    assert config.set_names == tuple(data.name for data in sets) == names
    assert len({data.identity for data in sets}) == 4
    assert [data.to_dict()["names"] for data in sets] == list(config.names)
    assert "--set names=own,0.6,noise,cone:4" in config.command
