from __future__ import annotations

import json

import numpy as np
import pytest

from tools.peer_margins_table import Measured, document, markdown, summarise


def of_tasks(*accuracy, error=4.0):
    return {1: Measured(np.array(accuracy, dtype=float), error)}


@pytest.fixture
def stores():
    """One peer is best on the mean, but each store has another best one."""
    return {
        "birds": {
            "zero-shot": of_tasks(30, 32),
            "GDA": of_tasks(60, 62),
            "TaskRes": of_tasks(50, 50),
            "generator": of_tasks(62, 65),
        },
        "signs": {
            "zero-shot": of_tasks(70, 70),
            "GDA": of_tasks(50, 50),
            "TaskRes": of_tasks(55, 57),
            "generator": of_tasks(58, 58, error=6.0),
        },
    }


def row(tables, title, name):
    """Cells of the row that a table under a title has by this name."""
    table = tables.split(f"### {title}")[1].split("###")[0]
    (line,) = [line for line in table.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_summarise__best_single_peer__is_the_one_of_the_best_mean(stores):
    del stores["birds"]["zero-shot"], stores["signs"]["zero-shot"]

    found = summarise(stores)[1]

    assert found.best_peer == "GDA"
    assert found.means["GDA"].mean == (61 + 50) / 2
    assert found.margin.mean == (2.5 + 8) / 2
    assert found.over_zero_shot == {}


def test_summarise__hindsight__takes_the_best_peer_of_each_store(stores):
    found = summarise(stores)[1]

    assert found.hindsight.mean == (61 + 70) / 2
    assert found.hindsight_margin.mean == (2.5 - 12) / 2


def test_summarise__margin__has_the_interval_of_paired_differences(stores):
    del stores["signs"]

    margin = summarise(stores)[1].margin

    # Differences 2 and 3: half their spread times Student's 12.706 at one degree of freedom.
    assert margin.half == pytest.approx(12.706 * 0.5, rel=1e-4)


def test_summarise__shots_that_one_store_has_not__are_left_out(stores):
    for measured in stores["birds"].values():
        measured[16] = measured[1]

    assert list(summarise(stores)) == [1]


def test_markdown__below_zero_shot_on_one_store__misses_and_names_it(stores):
    tables = markdown(stores)

    mean = "Mean over stores"
    assert row(tables, mean, "generator − zero-shot, worst store") == ["-12.00 ± 0.00 (signs)"]
    assert row(tables, mean, "… no store below by more than its interval") == ["**miss**"]


def test_markdown__below_zero_shot_within_the_interval__passes(stores):
    stores["signs"]["generator"] = of_tasks(67, 72)

    tables = markdown(stores)

    name = "… no store below by more than its interval"
    assert row(tables, "Mean over stores", name) == ["pass"]


@pytest.mark.parametrize(("accuracy", "verdict"), [(57.0, "pass"), (56.9, "**miss**")])
def test_markdown__margin__is_held_against_its_target(accuracy, verdict):
    store = {"GDA": of_tasks(55.5, 55.5), "generator": of_tasks(accuracy, accuracy)}

    tables = markdown({"birds": store})

    assert row(tables, "Mean over stores", "… wanted") == [f"+1.5: {verdict}"]


def test_markdown__calibration__is_held_against_zero_shot(stores):
    tables = markdown(stores)

    assert row(tables, "birds, calibration", "… wanted") == ["≤ 4.0: pass"]
    assert row(tables, "signs, calibration", "… wanted") == ["≤ 4.0: **miss**"]


def test_document__as_json__has_every_task(stores):
    stored = json.loads(json.dumps(document(stores)))

    assert stored["measured"]["birds"]["generator"]["1"]["accuracy_T"] == [62, 65]
    assert stored["summary"]["1"]["margin"]["mean"] == (2.5 + 8) / 2
