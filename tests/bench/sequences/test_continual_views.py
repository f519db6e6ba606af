"""A continual evaluation read back, as a page and as Markdown."""

from __future__ import annotations

import json

import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.sequences.findings import find_continual, is_continual
from metaadapter.bench.sequences.markdown import continual_markdown
from metaadapter.bench.sequences.page import continual_page
from metaadapter.bench.sequences.sequence_bench import evaluate_continual
from metaadapter.errors import DataError

COUNTS = {"pets": {"ant": 6, "bee": 6, "cow": 6}, "toys": {"car": 6, "kite": 6}}


@pytest.fixture(scope="module")
def measure(store_in, tmp_path_factory):
    """A finished evaluation of two learners on two tasks, in a setting."""
    folder = tmp_path_factory.mktemp("zoo")
    stores = [str(store_in(folder, *named, spread=1.0).folder) for named in COUNTS.items()]

    def make(setting, **changes):
        settings = {"methods": ("nearest mean", "zero-shot"), "shots": (1, 3), "seeds": 2}
        config = EvaluationConfig(stores=stores, continual=setting, **settings | changes)
        out = tmp_path_factory.mktemp("run")
        return out, evaluate_continual(config, out)

    return make


@pytest.fixture(scope="module")
def pooled(measure):
    return measure("pooled")


def test_result__pooled__has_what_was_measured(pooled):
    folder, evaluation = pooled

    result = find_continual(folder)

    assert is_continual(folder)
    assert result.tasks == ("1 pets", "2 toys")
    rows = evaluation.rows
    is_last = (rows["method"] == "nearest mean") & (rows["n_shot"] == 3) & (rows["after"] == 2)
    mean = pytest.approx(rows[is_last]["accuracy"].mean())
    assert result.figures["last"]["nearest mean"][3].mean == mean
    assert result.mean_curve["nearest mean"][3][1].mean == mean
    first = rows[is_last & (rows["task"] == 1)]["accuracy"]
    assert result.first_curve["nearest mean"][3][1].mean == pytest.approx(first.mean())
    assert result.accuracy["nearest mean"][3][1][0] == pytest.approx(first.mean())
    gain = result.gain["last"]["zero-shot"][3].mean
    last = result.figures["last"]
    assert gain == pytest.approx(last["nearest mean"][3].mean - last["zero-shot"][3].mean)
    json.dumps(result.to_dict(), allow_nan=False)


def test_page__pooled__has_figures_curves_and_a_matrix_a_learner(pooled, read_page):
    folder, _ = pooled

    page = read_page(continual_page(find_continual(folder)))

    assert "nearest mean through 2 tasks, pooled" in page.words
    assert "Transfer" in page.words
    matrices = [element for element in page.all("table") if "matrix" in element.get("class", "")]
    assert len(matrices) == 3  # accuracy, and the right task of those that are featured
    cells = [element for element in page.all("td") if element.get("class") in ("hit", "miss")]
    assert len(cells) == 3 * 4
    assert len(page.all("figure")) == 4
    assert len({element["id"] for element in page.all("title") if "id" in element}) == 4
    assert not page.all("script")


def test_page__class_incremental__leaves_what_was_not_asked_empty(measure, read_page):
    folder, _ = measure("class-incremental")

    page = read_page(continual_page(find_continual(folder)))

    assert "Transfer:" in page.words
    assert len([element for element in page.all("td") if element.get("class") == "hit"]) == 3 * 3
    assert not [element for element in page.all("td") if element.get("class") == "miss"]


def test_views__task_told_and_a_single_draw__have_no_right_task_and_no_interval(measure, read_page):
    folder, _ = measure("task-incremental", seeds=1, methods=("nearest mean",))

    result = find_continual(folder)

    assert result.identified == {}
    assert "Right task" not in read_page(continual_page(result)).text
    text = continual_markdown(result)
    assert "±" not in text
    assert "Right task" not in text


def test_markdown__pooled__has_a_table_of_figures_and_one_a_matrix(pooled):
    folder, _ = pooled

    lines = continual_markdown(find_continual(folder)).splitlines()

    assert lines[0] == "# nearest mean on 2 tasks, pooled"
    heads = [line for line in lines if line.startswith("| learner")]
    assert all("Forgetting ↓" in head for head in heads)
    assert len(heads) == 4
    assert sum(line.startswith("| after") for line in lines) == 2
    assert lines[-1].startswith("- `metaadapter evaluate ")
    assert "--continual pooled" in lines[-1]


def test_result__shuffled__tasks_are_called_by_their_numbers(measure):
    folder, _ = measure("pooled", shuffle=True, seeds=6)

    assert find_continual(folder).tasks == ("task 1", "task 2")


def test_result__damaged_or_unfinished__is_refused(measure):
    folder, _ = measure("pooled", seeds=1)
    (folder / "rows.csv").write_text("method\n")
    with pytest.raises(DataError, match=r"rows\.csv is damaged"):
        find_continual(folder)
    (folder / "summary.json").unlink()
    with pytest.raises(DataError, match=r"not finished.*there is no summary\.json"):
        find_continual(folder)


def test_is_continual__other_folder__is_none(tmp_path):
    assert not is_continual(tmp_path)
