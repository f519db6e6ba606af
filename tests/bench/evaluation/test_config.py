from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.config import load_evaluation, read_source
from metaadapter.errors import DataError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stores": ()}, "expected stores to evaluate on"),
        ({"stores": (("a", "b"),), "continual": "pooled"}, "continual takes single stores, got "),
        ({"stores": (("a", "b"),), "by_group": True}, "by_group takes single stores, got "),
        ({"several": True, "by_group": True}, "several excludes by_group; leave one of them out"),
        ({"continual": "pooled", "tree": "a", "tasks": 2}, "continual excludes tasks, tree; leave"),
        ({"seeds": 0}, "greater than or equal to 1"),
    ],
)
def test_config__what_does_not_go_together__is_refused(ask, changes, message):
    with pytest.raises(DataError, match=message):
        ask("a", **changes)


def test_config__two_stores_of_one_name__are_refused_with_both_paths(ask, tmp_path):
    one, other = tmp_path / "x" / "a", tmp_path / "y" / "a"

    with pytest.raises(DataError, match=rf"names of their folders .*{one}, {other}"):
        ask(one, other)
    with pytest.raises(DataError, match="the names of their folders distinguish sets"):
        ask(one, strangers=(str(other),))
    assert ask(one, strangers=(str(one),)).strangers == (str(one),)


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


def test_load_evaluation__misspelt_key__is_named_with_the_nearest(toml):
    with pytest.raises(DataError, match=r"shot: no such key; did you mean 'shots'\?"):
        load_evaluation(toml('stores = ["a"]', "shot = [1]"), {})
