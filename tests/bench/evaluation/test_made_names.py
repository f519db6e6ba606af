"""Class texts made from pictures, against loops over pictures, and in whole evaluations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from metaadapter.bench.evaluation.made_names import with_names
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.store_sets import far_set, load_sets
from metaadapter.errors import DataError, UsageError

TIMES = ["fit_seconds", "predict_seconds", "peak_mib"]


def unit(row):
    return row / np.linalg.norm(row)


def rows_of(data):
    return data.look_up(torch.arange(len(data.labels_n))).numpy().astype(float)


def in_two_blocks(data):
    """The set as if its columns were two blocks of an encoder, with texts in the first alone."""
    text_CD = data.text_CD.clone()
    text_CD[:, 3:] = 0
    return replace(data, text_CD=text_CD, blocks=(3, 5), look_blocks={"joint": 3, "trunk": 5})


def log_loss(scale, cosines, labels):
    logits = scale * cosines
    return np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels])


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


def test_made_names__of_an_encoder_without_texts__fill_all_columns(pets, load):
    data = replace(load(pets)[0], text_CD=torch.zeros(4, 8))

    (made,) = with_names(data, ["1"])

    assert made.text_CD.all()


@pytest.mark.parametrize("geometry", ["", "cone:"])
def test_made_names__more_noise__lowers_the_accuracy_of_names_alone(zoo, load, geometry):
    sets = with_names(load(zoo)[0], [f"{geometry}{level}" for level in (0.2, 2, 8, "noise")])

    accuracy = [
        np.mean((rows_of(data) @ data.text_CD.numpy().T).argmax(1) == data.labels_n)
        for data in sets
    ]

    assert accuracy == sorted(accuracy, reverse=True)
    assert accuracy[0] > accuracy[-1] + 0.2


@pytest.mark.parametrize("geometry", ["", "cone:"])
def test_made_names__temperature__is_best_at_level_1_and_the_same_at_all(zoo, load, geometry):
    sets = list(with_names(load(zoo)[0], [f"{geometry}{level}" for level in (1, 4, "noise")]))

    cosines = rows_of(sets[0]) @ sets[0].text_CD.numpy().T
    best = minimize_scalar(
        log_loss, args=(cosines, sets[0].labels_n), bounds=(1, 1000), method="bounded"
    )
    # The steps of the temperatures that are tried.
    assert sets[0].logit_scale == pytest.approx(best.x, rel=0.13)
    assert len({data.logit_scale for data in sets}) == 1


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
    assert "--names own,0.6,noise,cone:4" in config.command


def test_far_set__names_in_cones__is_bent_too(pets, make_store, ask):
    other = make_store("zoo", {"elk": 9, "fox": 9}, seed=1).folder
    config = ask(pets, names=("own", "cone:1"), strangers=(str(other),))

    own, bent = (far_set(data, config) for data in load_sets(config))

    expected = bent.cones.pictures(own.look_up(torch.arange(18)))
    assert torch.equal(bent.look_up(torch.arange(18)), expected)
    assert not torch.equal(expected, own.look_up(torch.arange(18)))


def test_evaluate__made_names_added__keeps_the_own_ones_to_the_bit(pets, ask, tmp_path):
    evaluate(ask(pets), tmp_path / "run")
    before = pd.read_csv(tmp_path / "run" / "rows.csv")
    grown = ask(pets, names=("own", 2))

    again = evaluate(grown, tmp_path / "run")

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert again.n_measured == len(before) == len(rows) / 2
    own = rows[rows["store"] == "pets"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, before)
    one_run = evaluate(grown, tmp_path / "other").rows.drop(columns=TIMES)
    pd.testing.assert_frame_equal(one_run, again.rows.drop(columns=TIMES))
    assert evaluate(grown, tmp_path / "run").n_measured == 0
    with pytest.raises(DataError, match="the set pets, made names 2 is left out"):
        evaluate(ask(pets), tmp_path / "run")


def test_evaluate__pictures_have_changed__does_not_continue(make_store, ask, tmp_path):
    evaluate(ask(make_store("pets", {"ant": 9, "bee": 9}).folder, names=("2",)), tmp_path / "run")
    (tmp_path / "later").mkdir()
    (tmp_path / "pets").rename(tmp_path / "later" / "old")
    other = make_store("pets", {"ant": 9, "bee": 9}, seed=1).folder

    with pytest.raises(DataError, match="the set pets, made names 2 has changed"):
        evaluate(ask(other, names=("2",)), tmp_path / "run")


def test_evaluate__made_names__the_record_and_the_check_say_so(pets, ask, tmp_path):
    document = evaluate(ask(pets, names=("0.6",)), tmp_path / "run").to_dict()

    assert "queries included" in document["names"]
    assert "made names" in document["integrity"][0]["detail"]
    assert evaluate(ask(pets), tmp_path / "own").to_dict()["names"] == ""


@pytest.mark.parametrize("level", ["good", "-1", "nan", "inf", "cone:own", "cone:", True, ""])
def test_config__no_level__says_which_there_are(pets, ask, level):
    with pytest.raises(DataError, match=r"own, 0\.6, noise or cone:2"):
        ask(pets, names=(level,))


def test_config__made_names_in_a_sequence__are_refused(pets, ask):
    with pytest.raises(DataError, match="own names only"):
        ask(pets, names=("0.6",), continual="pooled", methods=("RanPAC",))


@pytest.mark.parametrize(
    ("method", "level", "reason"),
    [
        ("prototypes@neglabel", "0.6", "reads names with the encoder's text tower"),
        ("soft prompt", "0.6", "reads names with the encoder's text tower"),
        ("MAML", "cone:0.6", "not bent into cones"),
    ],
)
def test_evaluate__method_of_the_encoder__is_refused_by_name(
    pets, ask, tmp_path, method, level, reason
):
    with pytest.raises(UsageError, match=f"{method} .*{reason}.*leave {method} out"):
        evaluate(ask(pets, methods=("zero-shot", method), names=(level,)), tmp_path / "run")
