from __future__ import annotations

import csv
import json

import pytest

from metaadapter.bench.run import evaluate
from metaadapter.files.progress import showing
from tests.bench.evaluation.test_folder import read_cells

TIMES = ("fit_seconds", "predict_seconds", "peak_mib")


def figures(folder):
    """The rows without what differs from run to run."""
    with (folder / "rows.csv").open(newline="", encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name not in TIMES}
            for row in csv.DictReader(file)
        ]


def test_evaluate__new_folder__holds_all_tables(pets, ask, tmp_path):
    heard = []

    found = evaluate(
        ask(pets, tasks=2), tmp_path / "run", tell=lambda done, total: heard.append((done, total))
    )

    assert heard == [(done, 8) for done in range(9)]
    assert len(figures(tmp_path / "run")) == 8 * 2
    assert found.n_measured == 8
    for name in ("rows", "classes", "confusion", "bins", "mistakes", "draws"):
        name = f"{name}.csv.gz" if name == "draws" else f"{name}.csv"
        assert (tmp_path / "run" / name).stat().st_size > 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    boxes = summary["integrity"]
    assert summary["reference"] == "zero-shot"
    assert "Neither covers the choice of data sets" in summary["intervals"]
    assert summary["sets"]["pets"]["n_pictures"] == 36
    assert [box["status"] for box in boxes] == ["pass"] * 4


def test_evaluate__given_again__measures_nothing_and_keeps_the_figures(pets, ask, tmp_path):
    evaluate(ask(pets), tmp_path / "run")
    before = (tmp_path / "run" / "rows.csv").read_bytes()

    again = evaluate(ask(pets), tmp_path / "run")

    assert again.n_measured == 0
    assert (tmp_path / "run" / "rows.csv").read_bytes() == before


def test_evaluate__more_methods_and_seeds__measures_those_alone(pets, ask, tmp_path):
    evaluate(ask(pets), tmp_path / "run")
    before = figures(tmp_path / "run")
    grown = ask(pets, methods=("zero-shot", "GDA", "prototypes"), seeds=3)

    again = evaluate(grown, tmp_path / "run")

    assert again.n_measured == len(grown.cells()) - len(before)
    assert all(row in figures(tmp_path / "run") for row in before)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_evaluate__in_two_processes__has_the_figures_of_one(pets, ask, tmp_path):
    config = ask(pets)

    evaluate(config, tmp_path / "one")
    evaluate(config, tmp_path / "two", jobs=2)

    assert figures(tmp_path / "two") == figures(tmp_path / "one")


def test_evaluate__interrupted_within_a_cell__keeps_the_finished_cells(pets, ask, tmp_path):
    config = ask(pets, methods=("zero-shot", "ZS-LP"), shots=(1,), seeds=1)

    def interrupt(now):
        if now.done == 3:
            raise KeyboardInterrupt

    with showing(interrupt), pytest.raises(KeyboardInterrupt):
        evaluate(config, tmp_path / "run")

    assert [cell.method for cell in read_cells(tmp_path / "run")] == ["zero-shot"]
