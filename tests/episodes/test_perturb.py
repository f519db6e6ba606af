from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from episodes import EpisodeSpec, Mixture
from episodes.perturb import Perturbations, perturb

TEXT = ["text_permuted", "text_made"]
PICTURES = ["noise", "scaling"]
BOTH = ["cone"]
SWITCHES = [*TEXT, *PICTURES, *BOTH]  # that change features


def only(**shares):
    """These shares, and 0 for all others."""
    return Perturbations(**({field.name: 0.0 for field in fields(Perturbations)} | shares))


def pictures_of(episodes):
    """T × any number of pictures × D, labelled ones first."""
    parts = (
        episodes.batch.support_TNKD.flatten(1, 2),
        episodes.batch.query_TQD,
        episodes.twin_TNKD.flatten(1, 2),
        episodes.off_class_TOD,
    )
    return torch.cat(parts, 1)


def text_of(episodes):
    return episodes.batch.text_TND


@pytest.fixture
def make_episodes(make_source, draw):
    """Tasks in float64; by default of 3 to 5 ways and 1 to 4 shots, with padding of all kinds."""

    def in_float64(part):
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        return replace(
            part, **{name: value.double() for name, value in values.items() if name[-1] == "D"}
        )

    def make(n_tasks=12, *, n_way=(3, 5), n_shot=(1, 4), n_views=2, width=8):
        source = make_source([c for c in range(7) for _ in range(16)], n_views=n_views, width=width)
        spec = EpisodeSpec(n_way, n_shot, 2)
        episodes = Mixture([source], spec).draw(n_tasks, draw, twins=True)
        return replace(in_float64(episodes), batch=in_float64(episodes.batch))

    return make


@pytest.fixture
def episodes(make_episodes):
    return make_episodes()


def with_text(episodes, text_TND):
    return replace(episodes, batch=replace(episodes.batch, text_TND=text_TND))


def without_text(episodes, task, way):
    text_TND = text_of(episodes).clone()
    text_TND[task, way] = 0
    return with_text(episodes, text_TND)


def test_perturb__all_shares_zero__changes_no_bit(episodes, draw):
    changed = perturb(episodes, only(), draw)

    assert torch.equal(pictures_of(changed), pictures_of(episodes))
    assert torch.equal(text_of(changed), text_of(episodes))


@pytest.mark.parametrize("switch", SWITCHES)
def test_perturb__share__is_that_of_the_tasks_and_the_others_change_no_bit(
    make_episodes, draw, switch
):
    before = make_episodes(300, n_way=(5, 5))

    after = perturb(before, only(**{switch: 0.4}), draw)

    parts = {
        "text": (text_of(after) != text_of(before)).flatten(1).any(1),
        "support": (after.batch.support_TNKD != before.batch.support_TNKD).flatten(1).any(1),
        "pictures": (pictures_of(after) != pictures_of(before)).flatten(1).any(1),
    }
    # 120 ± 8.5 of them; one order of five texts in 120 is the order they were in.
    counts = {name: int(part.sum()) for name, part in parts.items()}
    assert (90 < counts["text"] < 150) == (switch in TEXT + BOTH)
    assert (90 < counts["pictures"] < 150) == (switch in PICTURES + BOTH)
    assert torch.equal(parts["support"], parts["pictures"])
    assert counts["text"] == 0 or switch not in PICTURES
    assert counts["pictures"] == 0 or switch not in TEXT


@pytest.mark.parametrize("switch", [*SWITCHES, "all"])
def test_perturb__rows__have_length_1_and_padding_stays_zero(episodes, draw, switch):
    episodes = without_text(episodes, 0, 0)
    shares = only(**dict.fromkeys(SWITCHES if switch == "all" else [switch], 1.0))

    changed = perturb(episodes, shares, draw)

    for rows_of in (pictures_of, text_of):
        is_row = rows_of(episodes).any(-1).double()
        assert 0 < is_row.mean() < 1  # else the test sees no padding
        torch.testing.assert_close(rows_of(changed).norm(dim=-1), is_row)


def test_perturb__labels_masks_and_origin__stay(episodes, draw):
    changed = perturb(episodes, only(**dict.fromkeys(SWITCHES, 1.0)), draw)

    for name in ("off_class_mask_TO", "class_means_TND", "source"):
        assert getattr(changed, name) is getattr(episodes, name)
    for name in ("query_labels_TQ", "class_mask_TN"):
        assert getattr(changed.batch, name) is getattr(episodes.batch, name)
    assert torch.equal(changed.twin_mask_TNK, episodes.twin_mask_TNK)
    assert torch.equal(changed.batch.support_mask_TNK, episodes.batch.support_mask_TNK)


@pytest.mark.parametrize("switch", ["scaling", "cone"])
def test_perturb__other_domain__is_the_same_for_labelled_and_unlabelled_pictures(
    episodes, draw, switch
):
    support_TNKD = episodes.batch.support_TNKD
    mask_TNK = episodes.batch.support_mask_TNK
    shown_twice = replace(
        episodes,
        batch=replace(
            episodes.batch,
            query_TQD=support_TNKD.flatten(1, 2),
            query_labels_TQ=torch.where(mask_TNK.flatten(1), 0, -1),
        ),
        twin_TNKD=support_TNKD,
        twin_mask_TNK=mask_TNK,
        off_class_TOD=support_TNKD.flatten(1, 2),
        off_class_mask_TO=mask_TNK.flatten(1),
    )

    changed = perturb(shown_twice, only(**{switch: 1.0}), draw)

    support_TXD = changed.batch.support_TNKD.flatten(1, 2)
    assert not torch.equal(support_TXD, shown_twice.batch.query_TQD)
    assert torch.equal(changed.batch.query_TQD, support_TXD)
    assert torch.equal(changed.twin_TNKD.flatten(1, 2), support_TXD)
    assert torch.equal(changed.off_class_TOD, support_TXD)


def test_perturb__permuted__deals_the_present_texts_out_anew(episodes, draw):
    episodes = without_text(episodes, 0, 1)

    changed = perturb(episodes, only(text_permuted=1.0), draw)

    n_moved = 0
    for before, after in zip(text_of(episodes).tolist(), text_of(changed).tolist(), strict=True):
        assert sorted(before) == sorted(after)
        assert [any(row) for row in before] == [any(row) for row in after]
        n_moved += before != after
    assert n_moved > 6


def test_perturb__scaling__stretches_each_coordinate_alike_in_all_pictures(make_episodes, draw):
    episodes = make_episodes(60, n_way=(3, 3), n_shot=(2, 2))

    changed = perturb(episodes, only(scaling=1.0), draw)

    ratio_TXD = pictures_of(changed) / pictures_of(episodes)
    exponents_TXD = ratio_TXD.log()  # of positive numbers: no coordinate changes its sign
    exponents_TXD = exponents_TXD - exponents_TXD.mean(-1, keepdim=True)  # a row's length is lost
    torch.testing.assert_close(exponents_TXD, exponents_TXD[:, :1].expand_as(exponents_TXD))
    deviation = exponents_TXD[:, 0].square().sum() / (60 * 7)  # 7 of 8 coordinates are free
    assert deviation.sqrt() == pytest.approx(0.7, abs=0.1)
    assert exponents_TXD[:, 0, 0].std() > 0.3  # not one stretch for all tasks


def squeezed(before, after):
    """Length, offset and residual of after · n = length · before + offset, row by row."""
    n_rows, width = before.shape
    equations = torch.zeros(n_rows, width, n_rows + 1 + width, dtype=torch.float64)
    for row in range(n_rows):
        equations[row, :, row] = after[row]
        equations[row, :, n_rows] = -before[row]
        equations[row, :, n_rows + 1 :] = -torch.eye(width)
    _, values, vectors = torch.linalg.svd(equations.flatten(0, 1))
    solution = vectors[-1] / vectors[-1, n_rows + 1 :].norm() * vectors[-1, 0].sign()
    return solution[n_rows], solution[n_rows + 1 :], values[-1]


def test_perturb__cone__squeezes_pictures_and_texts_about_offsets_of_length_1(make_episodes, draw):
    before = make_episodes(30, n_way=(5, 5), n_shot=(2, 2))

    after = perturb(before, only(cone=1.0), draw)

    lengths = {text_of: [], pictures_of: []}
    for task in range(30):
        offsets = []
        for rows_of, result in lengths.items():
            length, offset, residual = squeezed(rows_of(before)[task], rows_of(after)[task])
            assert residual < 1e-12
            offsets.append(offset)
            result.append(float(length))
        assert offsets[0] @ offsets[1] < 0.99
    assert 0.4 <= min(lengths[pictures_of]) < 0.5 < 0.9 < max(lengths[pictures_of]) <= 1
    assert 0.3 <= min(lengths[text_of]) < 0.45 < 0.85 < max(lengths[text_of]) <= 1


def test_bare_and_nameless__no_class__loses_both(make_episodes, draw):
    episodes = make_episodes(300)

    changed = perturb(episodes, only(bare=1.0, nameless=1.0), draw)

    there_TN = episodes.batch.support_mask_TNK.any(-1) & text_of(episodes).any(-1)
    left_TN = changed.batch.support_mask_TNK.any(-1) | text_of(changed).any(-1)
    assert left_TN[there_TN].all()


def with_pools(episodes):
    """The tasks with their queries as a pool; the last has none."""
    batch = episodes.batch
    mask_TU = batch.query_labels_TQ >= 0
    mask_TU[-1] = False
    return replace(
        episodes,
        pool_TUD=batch.query_TQD,
        pool_mask_TU=mask_TU,
        pool_labels_TU=batch.query_labels_TQ.masked_fill(~mask_TU, -1),
    )


def test_pictureless__tasks_with_a_pool_and_all_texts__lose_all_labelled_pictures(episodes, draw):
    pooled = with_pools(without_text(episodes, 0, 0))

    mask_TNK = perturb(pooled, only(pictureless=1.0), draw).batch.support_mask_TNK

    kept = [0, len(mask_TNK) - 1]  # the first lacks a text, and the last a pool
    assert mask_TNK[kept].equal(pooled.batch.support_mask_TNK[kept])
    assert not mask_TNK[1:-1].any()
