from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from episodes import EpisodeError, EpisodeSampler, EpisodeSpec, LabelIndex

LABELS = [0] * 5 + [1] * 3 + [2] * 4 + [3] * 2 + [4]


SPEC = EpisodeSpec((2, 3), (1, 3), 2)


def sample_slowly(labels, spec, n_tasks, seed):
    """Tasks by plain loops: class -> (support, queries)."""
    rng = random.Random(seed)
    rows = {c: [i for i, label in enumerate(labels) if label == c] for c in set(labels)}
    usable = sorted(c for c in rows if len(rows[c]) >= 2)

    def log_uniform(low, high):
        weights = [math.log((k + 1) / k) for k in range(low, high + 1)]
        return rng.choices(range(low, high + 1), weights)[0]

    for _ in range(n_tasks):
        n_way = log_uniform(spec.n_way[0], min(spec.n_way[1], len(usable)))
        wanted = log_uniform(spec.n_shot[0], spec.n_shot[1])
        task = {}
        for c in rng.sample(usable, n_way):
            n_query = min(spec.n_query, len(rows[c]) - 1)
            n_shot = min(wanted, len(rows[c]) - n_query)
            drawn = rng.sample(rows[c], n_shot + n_query)
            task[c] = (drawn[:n_shot], drawn[n_shot:])
        yield task


def as_dicts(rows):
    for classes, supports, queries in zip(
        rows.classes_TN.tolist(), rows.support_TNK.tolist(), rows.query_TNQ.tolist(), strict=True
    ):
        yield {
            c: ([r for r in support if r >= 0], [r for r in query if r >= 0])
            for c, support, query in zip(classes, supports, queries, strict=True)
            if c >= 0
        }


FACTS = {
    "classes": lambda task: frozenset(task),
    "order of classes": lambda task: tuple(task)[:2],
    "shots": lambda task: tuple(len(task[c][0]) for c in sorted(task)),
    "first support picture": lambda task: next(iter(task.values()))[0][0],
    "last query picture": lambda task: next(iter(task.values()))[1][-1],
    "support and query": lambda task: (task[0][0][0], task[0][1][0]) if 0 in task else None,
}


@pytest.mark.parametrize("fact", FACTS)
def test_sampler__distribution__is_that_of_the_slow_loop(fact, draw):
    sampler = EpisodeSampler(LabelIndex.from_labels(LABELS), SPEC)

    fast = Counter(map(FACTS[fact], as_dicts(sampler.draw(6_000, draw))))
    slow = Counter(map(FACTS[fact], sample_slowly(LABELS, SPEC, 6_000, seed=1)))

    outcomes = sorted(fast.keys() | slow.keys(), key=str)
    table = [[fast[o] for o in outcomes], [slow[o] for o in outcomes]]
    assert chi2_contingency(table).pvalue > 0.001


@given(
    counts=st.lists(st.integers(0, 9), min_size=3, max_size=6),
    most_ways=st.integers(2, 6),
    most_shots=st.integers(1, 8),
    n_query=st.integers(1, 8),
    imbalance=st.sampled_from([0.0, 1.5]),
    hard_share=st.sampled_from([0.0, 0.5]),
    twins=st.booleans(),
    off_class=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_sampler__any_table__gives_sound_tasks(
    require_sound,
    counts,
    most_ways,
    most_shots,
    n_query,
    imbalance,
    hard_share,
    twins,
    off_class,
    seed,
):
    counts = [3, 2, *counts]
    labels = [c for c, count in enumerate(counts) for _ in range(count)]
    random.Random(seed).shuffle(labels)
    sampler = EpisodeSampler(
        LabelIndex.from_labels(labels, n_classes=len(counts)),
        EpisodeSpec((2, most_ways), (1, most_shots), n_query, imbalance, hard_share=hard_share),
        similarity_CC=torch.eye(len(counts)),
    )

    generator = torch.Generator().manual_seed(seed)
    rows = sampler.draw(8, generator, twins=twins, off_class=off_class)

    assert require_sound(rows, labels) >= 8 * 4


def test_sampler__same_generator_state__gives_the_same_tasks_and_moves_on():
    sampler = EpisodeSampler(LabelIndex.from_labels(LABELS), SPEC)
    generator = torch.Generator().manual_seed(5)
    state = generator.get_state()

    first, second = sampler.draw(50, generator), sampler.draw(50, generator)
    again = sampler.draw(50, generator.set_state(state))

    assert torch.equal(first.support_TNK, again.support_TNK)
    assert torch.equal(first.query_TNQ, again.query_TNQ)
    assert not torch.equal(first.classes_TN, second.classes_TN)


def test_sampler__alike__has_no_padding_and_still_varies_between_draws(draw):
    index = LabelIndex.from_labels([0, 1, 2, 3] * 20)
    sampler = EpisodeSampler(index, EpisodeSpec((2, 4), (1, 5), 3, alike=True))

    draws = [sampler.draw(6, draw) for _ in range(40)]

    assert all((rows.support_TNK >= 0).all() and (rows.query_TNQ >= 0).all() for rows in draws)
    assert len({rows.support_TNK.shape for rows in draws}) > 5


def test_sampler__imbalance__makes_shots_of_one_task_unequal_within_its_bounds(draw):
    index = LabelIndex.from_labels([0, 1, 2] * 100)
    spec = EpisodeSpec((3, 3), (8, 8), 1, imbalance=math.log(2))

    shots = (EpisodeSampler(index, spec).draw(500, draw).support_TNK >= 0).sum(2)

    assert (int(shots.min()), int(shots.max())) == (4, 16)
    assert abs(float(shots.double().log().mean()) - math.log(8)) < 0.05


def test_sampler__twins_and_off_class__have_as_many_shots_and_queries(draw):
    sampler = EpisodeSampler(LabelIndex.from_labels([0, 1, 2, 3] * 10), SPEC)

    rows, bare = sampler.draw(20, draw, twins=True, off_class=True), sampler.draw(4, draw)

    assert torch.equal(rows.twin_TNK >= 0, rows.support_TNK >= 0)
    assert rows.off_class_TO.shape == (20, SPEC.n_query)
    assert (rows.off_class_TO >= 0).all()
    assert bare.twin_TNK.shape[2] == 0
    assert bare.off_class_TO.shape == (4, 0)


def test_sampler__split__gives_the_same_tasks_in_parts(draw):
    rows = EpisodeSampler(LabelIndex.from_labels(LABELS), SPEC).draw(5, draw, off_class=True)

    parts = list(rows.split(2))

    assert [len(part.classes_TN) for part in parts] == [2, 2, 1]
    for field in fields(rows):
        whole = torch.cat([getattr(part, field.name) for part in parts])
        assert torch.equal(whole, getattr(rows, field.name))


def test_sampler__first_shots__are_a_prefix(draw):
    sampler = EpisodeSampler(LabelIndex.from_labels([0, 1] * 10), EpisodeSpec((2, 2), (4, 4), 1))
    rows = sampler.draw(3, draw, twins=True)

    fewer = rows.first(2)

    assert torch.equal(fewer.support_TNK, rows.support_TNK[..., :2])
    assert torch.equal(fewer.twin_TNK, rows.twin_TNK[..., :2])
    assert torch.equal(fewer.query_TNQ, rows.query_TNQ)


def test_sampler__cross_domain__support_and_the_rest_are_of_two_domains(draw, require_sound):
    labels = [c for c in range(4) for _ in range(9)]
    domains = torch.tensor([0, 1, 2] * 12)
    sampler = EpisodeSampler(LabelIndex.from_labels(labels, domains), SPEC, cross_domain_share=1.0)

    rows = sampler.draw(300, draw, twins=True)

    require_sound(rows, labels)
    pairs = set()
    for task in range(300):
        of = {
            name: {int(domains[r]) for r in part[task].flatten().tolist() if r >= 0}
            for name, part in (
                ("support", rows.support_TNK),
                ("twin", rows.twin_TNK),
                ("query", rows.query_TNQ),
            )
        }
        assert of["twin"] == of["query"]
        assert len(of["support"]) == len(of["query"]) == 1
        pairs.add((*of["support"], *of["query"]))
    assert pairs == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}


def test_sampler__one_picture_a_class_and_domain__gives_one_shot_and_no_twin(draw, require_sound):
    labels, domains = [0, 0, 1, 1, 2, 2], [0, 1] * 3
    sampler = EpisodeSampler(LabelIndex.from_labels(labels, domains), SPEC, cross_domain_share=1.0)

    rows = sampler.draw(50, draw, twins=True)

    assert require_sound(rows, labels) > 200
    assert rows.support_TNK.shape[2] == 1
    assert rows.twin_TNK.shape[2] == 0


def test_sampler__part_of_the_tasks_cross_domain__others_mix_the_domains(draw, require_sound):
    labels, domains = [0] * 20 + [1] * 20, torch.tensor([0, 1] * 20)
    sampler = EpisodeSampler(
        LabelIndex.from_labels(labels, domains),
        EpisodeSpec((2, 2), (8, 8), 8),
        cross_domain_share=0.3,
    )

    rows = sampler.draw(1_000, draw)

    require_sound(rows, labels)
    is_crossed = (domains[rows.query_TNQ] == domains[rows.query_TNQ][:, :1, :1]).all((1, 2))
    assert abs(float(is_crossed.float().mean()) - 0.3) < 0.05


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"spec": replace(SPEC, hard_share=0.5)}, "hard_share above 0 needs similarity_CC"),
        (
            {"cross_domain_share": -0.1},
            "cross_domain_share must be a fraction of the tasks, 0 to 1, got -0.1",
        ),
        ({"cross_domain_share": 0.5}, r"no two of the domains \(there is 1\) have 2 classes in"),
    ],
)
def test_sampler__setting_that_cannot_be__says_what_is_needed(settings, message):
    with pytest.raises(EpisodeError, match=message):
        EpisodeSampler(LabelIndex.from_labels(LABELS), **{"spec": SPEC, **settings})
