"""Entries of one domain: which they are, and the adapter that answers for all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter import AdapterLibrary, MetaAdapterClassifier
from metaadapter.adapter import store_adapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.library import route
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.domains import MOST_FAR, domains

WIDTH = 24


def means_of(n_ways, places, spread=1.0, seed=0):
    """Class means around the place of each entry, and the owners of the classes."""
    draw = torch.Generator().manual_seed(seed)
    centres = 4 * torch.randn(max(places) + 1, WIDTH, generator=draw)
    rows = [
        centres[place] + spread * torch.randn(n_way, WIDTH, generator=draw)
        for n_way, place in zip(n_ways, places, strict=True)
    ]
    owners = torch.arange(len(n_ways)).repeat_interleave(torch.tensor(n_ways))
    return torch.cat(rows), owners


def grouped(n_ways, places, kinds=None, counts=4, **more):
    means, owners = means_of(n_ways, places, **more)
    counts_M = torch.full((len(means),), counts)
    return domains(means, counts_M, owners, kinds or [0] * len(n_ways))


@pytest.mark.parametrize("seed", range(4))
def test_domains__are_the_places_that_entries_came_from(seed):
    places = [0, 1, 0, 2, 1, 0]

    groups = grouped([5, 4, 3, 6, 2, 8], places, seed=seed)

    assert groups == [[0, 2, 5], [1, 4], [3]]


def slow_domains(means, owners):
    """The same joins, each from the rows of the two groups."""
    rows = normalize(means.double(), dim=-1)
    groups = [[number] for number in range(int(owners.max()) + 1)]

    def distance(one, other):
        parts = [rows[torch.isin(owners, torch.tensor(group))] for group in (one, other)]
        centres = [part.mean(0) for part in parts]
        scatter = sum(
            float((part - centre).square().sum())
            for part, centre in zip(parts, centres, strict=True)
        )
        n, m = map(len, parts)
        gap = float((centres[0] - centres[1]).square().sum())
        return gap / ((1 / n + 1 / m) * scatter / (n + m - 2))

    while len(groups) > 1:
        pairs = itertools.combinations(range(len(groups)), 2)
        one, other = min(pairs, key=lambda pair: distance(*(groups[number] for number in pair)))
        if distance(groups[one], groups[other]) > MOST_FAR:
            break
        groups[one] += groups.pop(other)
    return sorted(sorted(group) for group in groups)


@pytest.mark.parametrize("spread", [1.5, 3.0, 5.0])
def test_domains__are_joined_as_by_a_slow_loop(spread):
    draw = torch.Generator().manual_seed(0)
    n_ways, places = (torch.randint(*ends, (10,), generator=draw) for ends in ((2, 7), (0, 4)))
    means, owners = means_of(n_ways.tolist(), places.tolist(), spread=spread)

    groups = domains(means, torch.ones(len(means), dtype=torch.long), owners, [0] * 10)

    assert groups == slow_domains(means, owners)
    assert 1 < len(groups) < 10


@pytest.fixture(scope="module")
def task():
    """Pictures of eight classes in two places, with their texts."""
    rng = np.random.default_rng(0)
    labels = [f"{place}{number}" for place in "ab" for number in range(4)]
    centres = dict(zip("ab", 4 * rng.standard_normal((2, WIDTH)), strict=True))
    means = {label: centres[label[0]] + rng.standard_normal(WIDTH) for label in labels}
    texts = {label: means[label] + 2 * rng.standard_normal(WIDTH) for label in labels}

    def draw(names, n_shot):
        given = np.repeat(names, n_shot)
        rows = np.stack([means[name] for name in given.tolist()])
        return rows + 0.5 * rng.standard_normal(rows.shape), given

    def fit(*names, n_shot=3):
        classifier = MetaAdapterClassifier({name: texts[name] for name in names}, logit_scale=20.0)
        return classifier.fit(*draw(names, n_shot))

    fit.draw = draw
    return fit


@pytest.fixture
def library(tmp_path, task):
    """Two entries of the first place, and one of the other."""
    library = AdapterLibrary.open(tmp_path / "library")
    library.add("one", task("a0", "a1"))
    library.add("two", task("a2", "a3"))
    library.add("far", task("b0", "b1", "b2"))
    return library


def test_route__entries_of_one_domain__answers_as_their_merge_to_the_bit(library, task):
    rows, labels = task.draw([f"a{number}" for number in range(4)], 20)

    result = library.route(rows)

    assert result.domains == (("far",), ("one", "two"))
    merged = compose([library.stored("one"), library.stored("two")])
    wanted = probabilities(unit_rows(rows), merged.weights)
    assert [[*shares.values()] for shares in result.shares] == wanted.tolist()
    classes = np.array(merged.config.classes)
    np.testing.assert_array_equal(result.labels, classes[wanted.argmax(-1).numpy()])
    owner = {label: "one" if label < "a2" else "two" for label in classes.tolist()}
    assert result.entries.tolist() == [owner[label] for label in result.labels]
    assert (result.labels == labels).mean() > 0.9


def test_route__reading_the_parts_of_a_domain__forgets_no_adapter(library, task, monkeypatch):
    read, load = [], route.load_adapter
    monkeypatch.setattr(route, "MOST_CACHED", 2)
    monkeypatch.setattr(route, "load_adapter", lambda file: read.append(file.stem) or load(file))
    rows, _ = task.draw(["a0", "b0"], 5)

    for _ in range(3):
        library.route(rows)

    assert sorted(read) == ["far", "one", "two"]


def test_route__entry_without_its_features__answers_by_itself(library, task):
    store_adapter(library.path("two"), library.stored("two").without_features())

    result = library.route(task.draw(["a0", "b0"], 5)[0])

    assert result.domains == (("far",), ("one",), ("two",))


def test_route__a_changed_entry__changes_the_merge(library, task):
    rows, _ = task.draw(["a0", "b0"], 5)
    first = library.route(rows)

    library.add("two", task("a2", "a3", n_shot=5), replace=True)

    assert library.route(rows).shares != first.shares
