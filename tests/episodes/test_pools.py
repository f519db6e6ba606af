"""Pools of training tasks: which pictures they have, how many, and of which classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from episodes import EpisodeSampler, EpisodeSpec, LabelIndex, Mixture
from episodes import pools as pools_module

LABELS = [c for c in range(8) for _ in range(30)]
SPEC = EpisodeSpec((3, 5), (1, 3), 4)


@pytest.fixture
def balanced(monkeypatch):
    """Pools of six pictures a class and nothing else, but for the constants that are given."""

    def set_constants(**constants):
        plain = {"SIZE": (6, 6), "SKEWED": 0.0, "STRANGERS": 0.0, "COPIES": 0.0}
        for name, value in (plain | constants).items():
            monkeypatch.setattr(pools_module, name, value)

    set_constants()
    return set_constants


@pytest.fixture
def sampler():
    return EpisodeSampler(LabelIndex.from_labels(LABELS), SPEC)


def present(rows):
    return rows[rows >= 0].tolist()


def tasks_of(rows):
    """(classes, other pictures of the task, pool) of each task."""
    parts = (rows.support_TNK, rows.twin_TNK, rows.query_TNQ, rows.off_class_TO)
    for task in range(len(rows.classes_TN)):
        taken = [row for part in parts for row in present(part[task])]
        yield present(rows.classes_TN[task]), taken, present(rows.pool_TU[task])


def test_pools__balanced__have_as_many_other_pictures_of_each_class(sampler, draw, balanced):
    rows = sampler.draw(40, draw, twins=True, off_class=True, pools=True)

    for classes, taken, pool in tasks_of(rows):
        assert Counter(LABELS[row] for row in pool) == dict.fromkeys(classes, 6)
        assert len(set(pool)) == len(pool)
        assert not set(pool) & set(taken)


def test_pools__size__is_log_uniform_and_the_same_in_a_draw(sampler, draw, balanced):
    balanced(SIZE=(1, 8))

    sizes = []
    for _ in range(300):
        result = {
            len(pool) / len(classes)
            for classes, _, pool in tasks_of(sampler.draw(3, draw, pools=True))
        }
        assert len(result) == 1
        sizes += result

    assert set(sizes) == set(range(1, 9))
    # k as often as log((k + 1) / k): half of them are 1 or 2.
    assert 0.42 < sum(size <= 2 for size in sizes) / 300 < 0.58


def test_pools__strangers__are_up_to_half_and_of_other_classes(sampler, draw, balanced):
    balanced(STRANGERS=1.0)

    rows = sampler.draw(60, draw, off_class=True, pools=True)

    fractions = []
    for classes, taken, pool in tasks_of(rows):
        assert not set(pool) & set(taken)
        known = Counter(LABELS[row] for row in pool if LABELS[row] in classes)
        assert known == dict.fromkeys(classes, 6)
        fractions.append(1 - sum(known.values()) / len(pool))
    assert min(fractions) < 0.1
    assert 0.4 < max(fractions) <= 0.51


def test_pools__asked_for__leave_the_rest_of_the_tasks_as_they_are(sampler):
    def drawn(**options):
        return sampler.draw(10, torch.Generator().manual_seed(3), **options)

    bare, pooled, again = drawn(), drawn(pools=True), drawn(pools=True)

    for name in ("classes_TN", "support_TNK", "query_TNQ"):
        assert getattr(bare, name).equal(getattr(pooled, name))
    assert bare.pool_TU.shape == (10, 0)
    assert pooled.pool_TU.equal(again.pool_TU)


def test_pools__across_domains__are_of_that_of_the_queries(draw, balanced):
    domains = torch.tensor([0, 1] * (len(LABELS) // 2))
    index = LabelIndex.from_labels(LABELS, domains)
    sampler = EpisodeSampler(index, SPEC, cross_domain_share=1.0)

    rows = sampler.draw(20, draw, pools=True)

    for task, (_, _, pool) in enumerate(tasks_of(rows)):
        (domain,) = {row % 2 for row in present(rows.query_TNQ[task])}
        assert pool
        assert {row % 2 for row in pool} == {domain}


def test_mixture__pools__have_features_and_the_classes_that_answers_are_judged_by(
    make_source, draw, monkeypatch
):
    monkeypatch.setattr(pools_module, "STRANGERS", 1.0)
    source = make_source(LABELS)
    number_of = {tuple(row.tolist()): n for n, row in enumerate(source.features_nVD[:, 0])}
    text_of = {tuple(row.tolist()): c for c, row in enumerate(source.text_CD)}

    episodes = Mixture([source], SPEC).draw(20, draw, pools=True)

    for task in range(20):
        classes = [text_of.get(tuple(row.tolist())) for row in episodes.batch.text_TND[task]]
        for row, there, way in zip(
            episodes.pool_TUD[task],
            episodes.pool_mask_TU[task].tolist(),
            episodes.pool_labels_TU[task].tolist(),
            strict=True,
        ):
            if not there:
                assert way == -1
                assert not row.any()
                continue
            label = LABELS[number_of[tuple(row.tolist())]]
            assert way == (classes.index(label) if label in classes else -1)


def test_mixture__foreign_strangers__are_of_another_source_and_of_classes_unknown_here(
    make_source, draw, monkeypatch
):
    monkeypatch.setattr(pools_module, "STRANGERS", 1.0)
    names = tuple("abcdefgh")
    own = make_source(LABELS, classes=names)
    # The same names but for the last two, in capitals.
    other = make_source(LABELS, name="others", classes=tuple("ABCDEFXY"), weight=1e-9)
    shifted = normalize(other.features_nVD + 1, dim=-1)
    other = replace(other, features_nVD=shifted)
    allowed = {tuple(row.tolist()) for row in shifted[6 * 30 :, 0]}
    at_home = {tuple(row.tolist()) for row in own.features_nVD[:, 0]}
    unknown = tuple("stuvwxyz")
    wider = make_source(LABELS, name="wider", width=9, classes=unknown, weight=1e-9)
    elsewhere = make_source(LABELS, name="other encoder", classes=unknown, weight=1e-9)
    elsewhere = replace(elsewhere, encoder="another", features_nVD=-own.features_nVD)

    episodes = Mixture([own, other, wider, elsewhere], SPEC).draw(40, draw, pools=True)

    kinds = Counter()
    for task in range(40):
        is_stranger_U = episodes.pool_mask_TU[task] & (episodes.pool_labels_TU[task] < 0)
        rows = {tuple(row.tolist()) for row in episodes.pool_TUD[task][is_stranger_U]}
        assert rows <= allowed or rows <= at_home
        kinds["foreign" if rows <= allowed else "own"] += bool(rows)
    assert min(kinds.values()) > 5
