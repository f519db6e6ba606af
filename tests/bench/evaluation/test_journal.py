from __future__ import annotations

import json

import pytest

from metaadapter.bench.evaluation.cell import Cell, CellResult
from metaadapter.bench.evaluation.journal import CellJournal


def result(seed, bench="b"):
    tables = {"rows": {"part": ["all"], "accuracy": [0.1 + 0.2], "nll": [None]}}
    return CellResult(Cell("GDA", "pets", 4, seed), "m", bench, tables)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = CellJournal(path)
    for seed in range(3):
        journal.append(result(seed))
    return path


def test_journal__read_again__has_every_figure_exactly(path):
    assert list(CellJournal(path).results.values()) == [result(seed) for seed in range(3)]


@pytest.mark.parametrize("n_bytes", [2, 3, 50])
def test_journal__cut_off_in_a_line__goes_on_after_the_whole_ones(path, n_bytes):
    path.write_bytes(path.read_bytes()[:-n_bytes])

    journal = CellJournal(path)
    assert [cell.seed for cell in journal.results] == [0, 1]
    journal.append(result(5))

    assert [cell.seed for cell in CellJournal(path).results] == [0, 1, 5]
    assert all(json.loads(line) for line in path.read_text().splitlines())
