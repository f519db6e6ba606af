from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from scipy.stats import chisquare

from episodes import EpisodeError, EpisodeSpec, Mixture

SPEC = EpisodeSpec((2, 2), (1, 1), 1)


def test_mixture__sources__are_drawn_as_often_as_their_weights_say(make_source, draw):
    weights = {"a": 1.0, "b": 2.5, "c": 0.5}
    mixture = Mixture([make_source(name=n, weight=w) for n, w in weights.items()], SPEC)

    seen = Counter(mixture.draw(1, draw).source for _ in range(400))

    assert chisquare([seen[n] for n in "abc"], [100 * weights[n] for n in "abc"]).pvalue > 0.01


def test_mixture__widths_and_specs__are_each_source_s_own(make_source, draw):
    narrow = make_source(name="narrow", width=4, spec=EpisodeSpec((3, 3), (2, 2), 1))
    mixture = Mixture([narrow, make_source(name="wide", width=9)], SPEC)

    draws = [mixture.draw(5, draw) for _ in range(20)]

    shapes = {episodes.source: tuple(episodes.batch.support_TNKD.shape) for episodes in draws}

    assert shapes == {"narrow": (5, 3, 2, 4), "wide": (5, 2, 1, 9)}


def test_mixture__resumed_from_the_generator_state__goes_on_with_the_same_tasks(make_source):
    sources = [make_source(name=n, n_views=2) for n in "ab"]
    generator = torch.Generator().manual_seed(7)
    Mixture(sources, SPEC).draw(3, generator)
    state = generator.get_state()

    went_on = [Mixture(sources, SPEC).draw(3, generator, twins=True) for _ in range(5)]
    resumed = torch.Generator().set_state(state)
    again = [Mixture(sources, SPEC).draw(3, resumed, twins=True) for _ in range(5)]

    for one, other in zip(went_on, again, strict=True):
        assert one.source == other.source
        assert torch.equal(one.batch.support_TNKD, other.batch.support_TNKD)
        assert torch.equal(one.batch.text_TND, other.batch.text_TND)
        assert torch.equal(one.other_views_TNKD, other.other_views_TNKD)


def test_mixture__hard__asks_only_for_classes_that_look_alike(make_source, draw):
    # Two flocks of five classes, far apart: the four nearest of each class are of its own flock.
    source = make_source([c for c in range(10) for _ in range(4)])
    flock = torch.eye(6)[torch.tensor([0] * 5 + [1] * 5)]
    near = torch.nn.functional.normalize(flock + 0.1 * source.text_CD, dim=1)
    source = replace(source, features_nVD=near.repeat_interleave(4, 0)[:, None])
    labels_of = {tuple(row.tolist()): c for c, row in enumerate(source.text_CD)}

    tasks = Mixture([source], replace(SPEC, hard_share=1.0)).draw(100, draw).batch.text_TND

    flocks = [[labels_of[tuple(text.tolist())] // 5 for text in task] for task in tasks]
    assert {tuple(flock) for flock in flocks} == {(0, 0), (1, 1)}


def test_mixture__cross_domain_source__is_drawn_across(make_source, draw):
    domains = torch.tensor([0, 1, 1] * 3)
    source = make_source(domains_n=domains, cross_domain_share=1.0)

    batch = Mixture([source], SPEC).draw(40, draw).batch

    def domains_of(result):
        is_row = (source.features_nVD[:, 0] == result[..., None, :]).all(-1)
        return domains[is_row.float().argmax(-1)]

    support, query = domains_of(batch.support_TNKD[:, :, 0]), domains_of(batch.query_TQD)
    assert (support != query).all()


def test_mixture__source_without_enough_classes__is_named(make_source):
    with pytest.raises(EpisodeError, match=r"source 'few': 2 classes of 2 or more.* there are 1,"):
        Mixture([make_source([0, 0, 1], name="few")], SPEC)


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_mixture__no_source_or_two_of_one_name__is_refused(make_source, names):
    with pytest.raises(EpisodeError, match="one or more sources of different names"):
        Mixture([make_source(name=name) for name in names], SPEC)
