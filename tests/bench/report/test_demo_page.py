from __future__ import annotations

import base64
import re

import pytest

from metaadapter.apps.cli.commands.demo import page
from metaadapter.apps.cli.demo_experiment import LabelledPicture
from tests.apps.page.browser.test_page_files import contrast


def test_page__any_result__needs_no_other_file_and_no_script(make_result, read_page):
    html = page(make_result())

    reader = read_page(html)

    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in reader.elements)
    assert "http://" not in html
    assert "https://" not in html
    assert "@import" not in html
    assert "url(" not in html
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in reader.all("img"))


def test_page__pictures__are_all_there_unchanged_and_have_an_alt_text(make_result, read_page):
    result = make_result()

    images = read_page(page(result)).all("img")

    shown = [base64.b64decode(image["src"].partition(",")[2]) for image in images]
    assert sorted(shown) == sorted(picture.jpeg for picture in (*result.support, *result.held_out))
    assert all(image["alt"] for image in images)


def test_page__numbers_and_origin__are_those_of_the_result(make_result, read_page):
    words = read_page(page(make_result())).words

    assert "2 predictions are correct; with only the names of the classes, 2 are." in words
    # Wilson's interval of 2 of 4, from the formula: (0.15, 0.85).
    assert "2 50 % 15–85 % 0.25 s" in words
    assert {"51 %", "84 %"} <= set(re.findall(r"\d+ %", words))
    assert words.count("correct:") == words.count("wrong:") == 4
    assert "fingerprint feedbeef" in words
    assert "closed-form (0123456789ab)" in words
    assert "metaadapter 9.8.7" in words


def test_page__hostile_label__is_shown_as_text(make_result, read_page):
    label = '<script>alert("fox")</script>'
    picture = LabelledPicture('"><img src=x onerror=alert(1)>.jpg', label, b"x")
    result = make_result()

    reader = read_page(page(make_result(held_out=(picture, *result.held_out[1:]))))

    assert reader.all("script") == []
    assert label in reader.words
    assert all("onerror" not in image for image in reader.all("img"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page__colours__have_enough_contrast(make_result, scheme):
    html = page(make_result())
    pairs = re.findall(r"--(\w+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", html)

    colours = {name: light if scheme == "light" else dark for name, light, dark in pairs}

    for ink in ("ink", "muted", "right", "wrong"):
        for paper in ("paper", "raised"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert contrast(colours["bar"], colours["paper"]) >= 3
