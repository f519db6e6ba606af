"""The section on strangers has the numbers of the rows, on the page and in Markdown."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.report.evaluation_markdown import markdown, overview
from metaadapter.bench.report.evaluation_page import page
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find

METHODS = ("closed-form", "closed-form@prototype", "GDA@msp", "GDA@energy")


@pytest.fixture(scope="module")
def run(store_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strange")
    counts = dict.fromkeys("abcd", 8)
    pets = store_in(folder, "pets", counts, spread=0.8)
    zoo = store_in(folder, "zoo", {"elk": 9, "fox": 9}, seed=1)
    config = EvaluationConfig(
        stores=(str(pets.folder),),
        strangers=(str(zoo.folder),),
        methods=METHODS,
        shots=(1, 2),
        seeds=2,
        unknown=0.25,
    )
    evaluate(config, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def result(run):
    return find(EvaluationRun.read(run))


def test_find__strangers__has_the_means_of_the_rows_and_their_intervals(run, result):
    rows = pd.read_csv(run / "rows.csv")

    for metric in ("unknown_auroc", "far_auroc", "kept", "set_size"):
        for method, by_shots in result.quality[metric].items():
            for n_shot, estimate in by_shots.items():
                values = rows[(rows.method == method) & (rows.n_shot == n_shot)][metric]
                assert estimate.mean == pytest.approx(values.mean())
                half = stats.t.ppf(0.975, 1) * values.std() / 2**0.5
                assert estimate.half == pytest.approx(half)
    assert set(result.quality["far_auroc"]) == set(METHODS)
    assert set(result.quality["kept"]) == {"closed-form"}


def test_find__methods_with_the_same_answers__are_one_where_answers_are_told(result):
    assert set(result.methods) == {"closed-form", "GDA@msp"}
    assert set(result.parts[0].ranks.mean) == {"closed-form", "GDA@msp"}
    assert set(result.parts[0].gain["pets"]) == {"GDA@msp"}
    assert set(result.quality["nll"]) == {"closed-form", "GDA@msp"}
    assert result.strangers.methods == METHODS
    assert "Its gain over the best other method" in result.headline


def test_markdown__strangers__have_a_section_with_intervals_and_their_kinds(result):
    text = markdown(result)

    section = text.split("## None of these\n")[1].split("\n## ")[0]
    assert "25 % of a task's classes" in section
    assert "pictures of other sets (zoo)" in section
    assert section.count("### ") == 7
    (line,) = [
        line
        for line in section.split("### AUROC of far strangers, %")[1].split("###")[0].splitlines()
        if line.startswith(r"| GDA\@energy")
    ]
    assert line.count(" ± ") == 2


def test_overview__strangers__shows_a_terminal_the_areas_alone(result):
    lines = overview(result)

    assert "AUROC of near strangers, %" in lines
    assert "AUROC of far strangers, %" in lines
    assert not [line for line in lines if "kept" in line]


def test_page__strangers__have_a_section_that_names_each_score(result, read_page):
    words = read_page(page(result, {})).words

    section = words.split("None of these")[1].split("Time and memory")[0]
    assert "closed-form@prototype" in section
    assert "same labels, but strangers are recognized by the energy of the logits (Liu" in section
    assert "Classes in a set (small is good), ± 95 % interval" in section
    assert "…@mcm" not in words


def test_page__strangers__have_a_figure_of_each_kind_with_every_method(result, read_page):
    words = read_page(page(result, {})).words

    for kind in ("near", "far"):
        legend = words.split(f"AUROC of {kind} strangers, %: ")[1].split(" %", 8)[:8]
        assert all(method in " ".join(legend) for method in METHODS)


def test_find__run_without_strangers__has_no_such_section(report_of):
    result = report_of("abcd", 5, methods=("closed-form", "zero-shot"), shots=(1,), seeds=1)

    assert result.strangers is None
    assert "None of these" not in markdown(result)
