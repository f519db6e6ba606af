from __future__ import annotations

import errno
import json
import os

import pytest

from metaadapter.bench.evaluation.cell import Cell, CellResult
from metaadapter.bench.evaluation.journal import CellJournal
from metaadapter.errors import DataError


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


def test_journal__cell_measured_twice__counts_as_it_was_last_and_loses_no_line(path):
    journal = CellJournal(path)
    journal.append(result(1, bench="newer"))

    found = CellJournal(path).results
    assert [each.bench for each in found.values()] == ["b", "newer", "b"]
    assert len(path.read_text().splitlines()) == 4


def test_journal__damaged_line_within__is_named(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:20], lines[2], ""]))

    with pytest.raises(DataError, match=r"line 2 of .*journal\.jsonl is damaged"):
        CellJournal(path)


def test_journal__on_a_full_disk__names_the_evaluation_and_keeps_what_it_has(path, monkeypatch):
    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    journal = CellJournal(path)

    message = r"cannot write the evaluation .*: No space left .*; .*Finished cells are kept"
    with pytest.raises(DataError, match=message):
        journal.append(result(5))

    assert [*journal.results] == [result(seed).cell for seed in range(3)]
