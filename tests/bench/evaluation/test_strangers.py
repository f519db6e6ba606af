"""Far strangers: pictures of other stores, which no other draw depends on."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.store_sets import far_set
from metaadapter.bench.evaluation.strangers import draw_far
from metaadapter.bench.evaluation.task_bench import TaskBench
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.store.feature_store import FeatureStore


@pytest.fixture
def others(make_store):
    """Two stores of other pictures, one of them small; "n01 Ant" and "bee" are classes of pets."""
    zoo = make_store("zoo", {"n01440764 Ant": 9, "elk": 9, "fox": 9}, seed=1).folder
    farm = make_store("farm", {"bee": 4, "hen": 2, "pig": 1}, seed=2).folder
    return str(zoo), str(farm)


@pytest.fixture
def far_of(pets, others, load):
    """The far strangers of the tasks of an evaluation."""

    def make(seed=0, **changes):
        data, config = load(pets, strangers=others, **changes)
        return draw_far(far_set(data, config), draw_tasks(data, config, seed), seed)

    return make


@pytest.mark.parametrize(("changes", "expected"), [({"ways": 3}, 6), ({"unknown": 0.25}, 2)])
def test_draw_far__as_many_as_near_strangers_or_queries(far_of, changes, expected):
    far = far_of(queries=2, **changes)

    assert far.picture_TF.shape == (1, expected)
    assert len(set(far.picture_TF[0].tolist())) == expected


def test_draw_far__stores__give_equally_many_and_a_small_one_all_that_it_has(far_of):
    (picture_F,) = far_of().picture_TF

    n_zoo = int((picture_F < 27).sum())
    assert (n_zoo, len(picture_F) - n_zoo) == (14, 3)


def test_draw_far__classes_that_the_set_has_by_readable_name__are_left_out(far_of):
    far = far_of()

    labels = {far.data.classes[number] for number in far.data.labels_n[far.picture_TF[0]]}
    assert labels == {"elk", "fox", "hen", "pig"}


def test_draw_far__features__are_those_of_the_store_that_a_picture_is_from(far_of, others):
    far = far_of()

    tables = [FeatureStore.open(folder).mean_features()[0] for folder in others]
    for number, row in zip(far.picture_TF[0], far.data.look_up(far.picture_TF[0]), strict=True):
        store, place = (0, number) if number < 27 else (1, number - 27)
        assert torch.allclose(row, torch.from_numpy(tables[store][place]))


def test_draw_far__same_seed__is_the_same_and_another_one_is_another(far_of):
    first, again, other = (far_of(seed).picture_TF for seed in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_draw_tasks__strangers_asked_for__are_the_tasks_as_without(pets, others, load):
    one, other = (
        draw_tasks(*load(pets, unknown=0.25, queries=3, **more), 0)
        for more in ({}, {"strangers": others})
    )

    for field in ("support_TNK", "query_TNQ", "off_class_TO"):
        assert torch.equal(getattr(one, field), getattr(other, field))


def test_bench__set_that_is_among_the_strangers__gets_none_of_its_own(pets, others, ask):
    bench = TaskBench(ask(pets, others[0], strangers=(str(pets), *others)), torch.device("cpu"))

    assert bench.far_sets["pets"].stores == ("zoo", "farm")
    assert bench.far_sets["zoo"].stores == ("pets", "farm")


def test_far_set__no_other_store__says_what_to_name(pets, load):
    data, config = load(pets, strangers=(str(pets),))

    with pytest.raises(
        DataError, match=r"set pets: .* --strangers have no picture of a class .* another"
    ):
        far_set(data, config)


def test_far_set__store_of_another_encoder__is_refused(pets, make_store, load):
    zoo = make_store("zoo", {"elk": 3, "fox": 3}, encoder="lines")
    data, config = load(pets, strangers=(str(zoo.folder),))

    with pytest.raises(IncompatibleArtifact, match="zoo"):
        far_set(data, config)


def test_evaluate__draws_table__names_far_strangers_and_their_files(pets, others, ask, tmp_path):
    config = ask(pets, strangers=others, shots=(1,), seeds=1)

    evaluate(config, tmp_path / "run")

    draws = pd.read_csv(tmp_path / "run" / "draws.csv.gz")
    far = draws[draws["role"] == "far"]
    assert set(far["class"]) == {"elk", "fox", "hen", "pig"}
    assert set(far["store"]) == {"pets"}
    assert far["sha256"].str.match(r"(zoo|farm)-\d+").all()


def test_evaluate__other_strangers_into_the_same_folder__are_refused(pets, others, ask, tmp_path):
    few = {"shots": (1,), "seeds": 1, "methods": ("zero-shot",)}
    evaluate(ask(pets, strangers=others, **few), tmp_path / "run")

    assert evaluate(ask(pets, strangers=others, **few), tmp_path / "run").n_measured == 0
    for strangers in ((), others[:1]):
        with pytest.raises(DataError, match="another evaluation"):
            evaluate(ask(pets, strangers=strangers, **few), tmp_path / "run")


@pytest.mark.parametrize("changes", [{"base_to_new": True}, {"continual": "pooled"}])
def test_config__strangers_where_they_cannot_be_asked_about__are_refused(ask, changes):
    message = "strangers cannot be combined with continual or base_to_new"
    with pytest.raises(ValueError, match=message):
        ask("a", strangers=("b",), methods=("zero-shot",), **changes)
