from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from metaadapter.bench.evaluation.config import EvaluationConfig, load_evaluation
from metaadapter.bench.evaluation.store_source import read_source
from metaadapter.errors import DataError


def test_cells__are_each_combination_once(ask):
    cells = ask("a", "b", shots=(2, 1, 2)).cells()

    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2
    assert {cell.store for cell in cells} == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stores": ()}, "expected stores to evaluate on"),
        (
            {"stores": (("a", "b"),), "continual": "pooled"},
            "takes single stores and no metrics, got ",
        ),
        ({"stores": (("a", "b"),), "by_group": True}, "by_group divides single stores, got "),
        ({"stores": (("x/a", "b"), ("y/a", "b"))}, "the names of their folders distinguish sets"),
        ({"base_to_new": True, "ways": 5}, "leave out ways and unknown"),
        ({"reference": "GDA"}, "'GDA' is not among the methods"),
        ({"seeds": 0}, "greater than or equal to 1"),
    ],
)
def test_config__what_does_not_go_together__is_refused(ask, changes, message):
    with pytest.raises(ValidationError, match=message):
        ask("a", **changes)


def test_config__two_stores_of_one_name__are_refused_with_both_paths(ask, tmp_path):
    one, other = tmp_path / "x" / "a", tmp_path / "y" / "a"

    with pytest.raises(ValidationError, match=rf"names of their folders .*{one}, {other}"):
        ask(one, other)
    with pytest.raises(ValidationError, match="the names of their folders distinguish sets"):
        ask(one, strangers=(str(other),))
    assert ask(one, strangers=(str(one),)).strangers == (str(one),)


def test_config__two_links_to_stores_of_one_name__are_refused(ask, tmp_path):
    for place, link in (("x", "one"), ("y", "other")):
        (tmp_path / place / "a").mkdir(parents=True)
        (tmp_path / link).symlink_to(tmp_path / place / "a")

    with pytest.raises(ValidationError, match="the names of their folders distinguish sets"):
        ask(tmp_path / "one", tmp_path / "other")


def test_config__one_store_by_two_ways__counts_once(ask, tmp_path, pets):
    (tmp_path / "link").symlink_to(pets)

    config = ask(pets, tmp_path / "link", pets / ".." / "pets")

    assert (config.stores, config.set_names) == ((str(pets),), ("pets",))


def test_config__store_where_one_is__has_the_name_of_its_folder(ask, pets, monkeypatch):
    monkeypatch.chdir(pets)

    assert ask(".").set_names == ("pets",)
    assert ask(stores=((".", str(pets)),)).set_names == ("pets@pets",)


@pytest.fixture
def toml(tmp_path):
    """A file with the given lines."""

    def write(*lines):
        (tmp_path / "eval.toml").write_text("\n".join(lines))
        return tmp_path / "eval.toml"

    return write


def test_load_evaluation__file_and_options__options_win_and_paths_are_absolute(toml, pets):
    file = toml('stores = ["pets"]', 'methods = ["GDA"]', "seeds = 3")

    config = load_evaluation(file, {"seeds": 4})

    assert (config.stores, config.methods, config.seeds) == ((str(pets),), ("GDA",), 4)


def test_load_evaluation__strangers_of_a_file__stay_when_stores_are_given(toml, pets):
    file = toml('stores = ["a"]', 'strangers = ["pets", "zoo"]', "unknown = 0.5")

    config = load_evaluation(file, {"stores": ["c"]})

    assert [Path(store).name for store in config.strangers] == ["pets", "zoo"]
    assert config.strangers[0] == str(pets)
    assert f"--strangers {pets},{config.strangers[1]} " in config.command


def test_load_evaluation__stores_given__replace_those_of_the_file(toml, pets):
    config = load_evaluation(toml('stores = ["pets@pets"]'), {"stores": ["c"]})

    assert config.set_names == ("c",)


def test_load_evaluation__two_stores__are_searched_like_one_and_stay_when_they_are_gone(toml, pets):
    config = load_evaluation(toml('stores = ["pets@pets", "pets"]'), {})

    assert config.stores == ((str(pets), str(pets)), str(pets))
    assert config.set_names == ("pets@pets", "pets")
    assert f"evaluate {pets}@{pets} {pets} " in config.command
    shutil.rmtree(pets)
    assert EvaluationConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("raw@40", "raw@40"),
        ("raw@40@drawn", ("raw@40", "drawn")),
        ("drawn@raw@40", ("drawn", "raw@40")),
        ("drawn@drawn", ("drawn", "drawn")),
    ],
)
def test_read_source__folder_with_an_at__is_one_store_by_itself_or_of_two(tmp_path, text, names):
    for name in ("raw@40", "drawn"):
        (tmp_path / name).mkdir()

    source = read_source(text, tmp_path)

    one = isinstance(names, str)
    assert source == (str(tmp_path / names) if one else tuple(str(tmp_path / n) for n in names))


def test_read_source__folders_that_do_not_exist__are_all_named(tmp_path):
    (tmp_path / "a").mkdir()

    with pytest.raises(DataError, match=r"'a@b@c'; .* 'a' and 'b@c', or 'a@b' and 'c'"):
        read_source("a@b@c", tmp_path)
    with pytest.raises(DataError, match="'a' and ''"):
        read_source("a@", tmp_path)


def test_load_evaluation__misspelt_key__is_named_with_the_nearest(toml):
    with pytest.raises(DataError, match=r"shot: no such key; did you mean 'shots'\?"):
        load_evaluation(toml('stores = ["a"]', "shot = [1]"), {})


def test_load_evaluation__nothing_to_evaluate_on__says_so():
    message = r"requested evaluation is wrong:\n  expected stores to evaluate on"
    with pytest.raises(DataError, match=message):
        load_evaluation(None, {})
