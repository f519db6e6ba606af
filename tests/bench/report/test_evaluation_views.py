from __future__ import annotations

import re
from dataclasses import replace

import pytest

from metaadapter.bench.report.evaluation_views import markdown, overview, page
from metaadapter.bench.report.words import (
    fraction,
)


@pytest.fixture(scope="module")
def html(result):
    return page(result, {})


def test_page__any_result__needs_no_other_file_and_no_script(html, read_page):
    reader = read_page(html)

    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in reader.elements)
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_page__numbers__are_those_of_the_result(html, result, read_page):
    words = read_page(html).words
    own = result.accuracy["mean over sets"]["closed-form"]

    cells = " ".join(f"{100 * own[n].mean:.1f} ± {100 * own[n].half:.1f}" for n in (1, 2, 4))
    assert f"closed-form {cells}" in words
    assert result.headline in words
    for box in result.boxes:
        assert box.detail in words
    assert result.command in words


def test_page__names_with_markup__are_text(html, read_page):
    assert "<cow>" not in html
    assert "<cow> & calf" in read_page(html).words


@pytest.mark.usefixtures("without_drawings")
def test_page__confusion_matrix__has_the_percentages_of_each_row(result, read_page):
    (one, *others) = result.sets
    of_two = replace(
        one, classes=("bee", "dog"), counts=((6, 3), (0, 12)), n_true=(12, 12), n_classes=4
    )

    words = read_page(page(replace(result, sets=(of_two, *others)), {})).words

    assert "The 2 most confused of 4 classes. bee dog others bee 50 25 25 dog 100" in words


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": ("default", "finetune@0", "finetune@2"), "shots": (2,)},
        {"unknown": 0.25},
    ],
)
def test_page__small_and_unlike_evaluations__can_be_drawn(changes, report_of, read_page):
    words = read_page(page(report_of("abcd", 5, **changes), {})).words

    assert "Are these figures sound?" in words
    assert ("AUROC of near strangers" in words) == ("unknown" in changes)


def renamed(result, name):
    """The result with another name of the method GDA."""
    renaming = {"GDA": name}
    methods = tuple(renaming.get(method, method) for method in result.methods)
    accuracy = {
        place: {renaming.get(method, method): row for method, row in table.items()}
        for place, table in result.accuracy.items()
    }
    costs = {renaming.get(method, method): cost for method, cost in result.costs.items()}
    return replace(result, methods=methods, accuracy=accuracy, costs=costs)


def test_markdown__names_with_marks_of_markdown__are_escaped(result):
    lines = markdown(renamed(result, "a|<b>")).splitlines()

    (line, _) = [line for line in lines if line.startswith("| a")]
    assert line.replace("\\|", "").count("|") == 5
    assert r"a\|\<b\>" in line


def test_overview__names_that_steer_a_terminal__are_shown_as_python_writes_them(result):
    lines = overview(renamed(result, "finetune@1\x1b[2J\nerror: none"))

    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert [line for line in lines if line.startswith(r"| finetune@1\x1b[2J\nerror: none ")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.25, "25 %"),
        (0.9949, "99 %"),
        (0.99999, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_fraction__of_nearly_all__is_not_called_all(value, text):
    assert fraction(value).replace("\u00a0", " ") == text
