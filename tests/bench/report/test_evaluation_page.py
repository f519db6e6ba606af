from __future__ import annotations

import re
from dataclasses import replace

import pytest

from metaadapter.bench.report.evaluation_views import page


@pytest.fixture(scope="module")
def html(result):
    return page(result, {})


def test_page__any_result__needs_no_other_file_and_no_script(html, read_page):
    reader = read_page(html)

    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in reader.elements)
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_page__numbers__are_those_of_the_result(html, result, read_page):
    words = read_page(html).words
    own = result.parts[0].accuracy["mean over sets"]["closed-form"]

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
    steps = changes.get("methods", ())
    assert ("The thin line joins" in words) == ("finetune@2" in steps)
