from __future__ import annotations

import json

import pytest

from metaadapter.errors import DataError
from metaadapter.evaluation import Cell
from metaadapter.evaluation.journal import CellResult, Journal
from metaadapter.evaluation.mistakes import Mistake
from metaadapter.evaluation.part_result import PartResult


def result(seed):
    part = PartResult(
        ({"accuracy": 0.1 + 0.2, "nll": None},),
        ((0, 1, 7),),
        ((7.0, 0.3, 2.0),),
        (Mistake(5, 0, 1, 0.1 + 0.2, 0.1),),
    )
    return CellResult(Cell("GDA", "pets", 4, seed), {"all": part})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path).appending() as journal:
        for seed in range(3):
            journal.append(result(seed))
    return path


def test_journal__read_again__has_every_figure_exactly(path):
    assert list(Journal(path).results.values()) == [result(seed) for seed in range(3)]


@pytest.mark.parametrize("n_bytes", [1, 2, 50])
def test_journal__cut_off_in_a_line__goes_on_after_the_whole_ones(path, n_bytes):
    path.write_bytes(path.read_bytes()[:-n_bytes])

    journal = Journal(path)
    assert [cell.seed for cell in journal.results] == [0, 1]
    with journal.appending():
        journal.append(result(5))

    assert [cell.seed for cell in Journal(path).results] == [0, 1, 5]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_journal__damaged_line_within__is_named(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:20], lines[2], ""]))

    with pytest.raises(DataError, match=r"line 2 of .*journal\.jsonl is damaged"):
        Journal(path)
