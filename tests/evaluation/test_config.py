from __future__ import annotations

import pytest
from pydantic import ValidationError

from metaadapter.errors import DataError
from metaadapter.evaluation.config_file import load_evaluation


def test_cells__are_each_combination_once(ask):
    cells = ask("a", "b", shots=(2, 1, 2)).cells()

    assert len(cells) == len(set(cells)) == 2 * 2 * 2 * 2
    assert {cell.store for cell in cells} == {"a", "b"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"support_from": "x"}, "belong together"),
        ({"support_from": "x", "queries_from": "y"}, "expected either stores"),
        ({"base_to_new": True, "ways": 5}, "neither ways nor unknown"),
        ({"reference": "GDA"}, "'GDA' is not among the methods"),
        ({"seeds": 0}, "greater than or equal to 1"),
    ],
)
def test_config__what_does_not_go_together__is_refused(ask, changes, told):
    with pytest.raises(ValidationError, match=told):
        ask("a", **changes)


def test_config__two_stores_of_one_name__are_refused(ask):
    with pytest.raises(ValidationError, match="told apart by the names of their folders"):
        ask("x/a", "y/a")


def test_load_evaluation__file_and_options__options_win_and_paths_are_absolute(tmp_path, pets):
    file = tmp_path / "eval.toml"
    file.write_text('stores = ["pets"]\nmethods = ["GDA"]\nseeds = 3\n')

    config = load_evaluation(file, {"seeds": 4})

    assert (config.stores, config.methods, config.seeds) == ((str(pets),), ("GDA",), 4)


def test_load_evaluation__stores_given__replace_those_of_the_file(tmp_path):
    file = tmp_path / "eval.toml"
    file.write_text('support_from = "a"\nqueries_from = "b"\n')

    config = load_evaluation(file, {"stores": ["c"]})

    assert (config.set_names, config.support_from) == (("c",), None)


def test_load_evaluation__misspelt_key__is_named_with_the_nearest(tmp_path):
    file = tmp_path / "eval.toml"
    file.write_text('stores = ["a"]\nshot = [1]\n')

    with pytest.raises(DataError, match=r"shot: no such key; did you mean 'shots'\?"):
        load_evaluation(file, {})


def test_load_evaluation__nothing_to_evaluate_on__says_so():
    with pytest.raises(DataError, match=r"asked for is wrong:\n  expected either stores"):
        load_evaluation(None, {})
