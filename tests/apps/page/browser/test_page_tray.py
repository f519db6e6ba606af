"""A tray of two thousand pictures: its rows in the document, and the keys.

A server would have to encode the pictures first, so drawn ones are shown without a server.
"""

from __future__ import annotations

import pytest

from tools.page_screenshots import open_state
from tools.page_states import state

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

N = 2000
FIRST = 2  # the pictures before those of the tray are two examples


@pytest.fixture
def page(chromium):
    """The pictures in the order in which they were added."""
    document = open_state(chromium, state(2, 1, N), None, viewport={"width": 1280, "height": 800})
    document.select_option("#order", "added")
    yield document
    document.close()


def current(page):
    """The place of the current picture, and whether it is within the window."""
    name, is_seen = page.evaluate(
        """() => {
            const id = document.querySelector("#tray").getAttribute("aria-activedescendant");
            const card = document.getElementById(id);
            const box = card.getBoundingClientRect();
            return [card.title, box.top >= 0 && box.bottom <= innerHeight];
        }"""
    )
    return int(name.removeprefix("IMG_").removesuffix(".jpg")) - FIRST, is_seen


def test_tray_of_2000__has_only_rows_near_the_window_in_the_document(page):
    assert page.locator("#tray-count").inner_text() == f"{N:,}"
    columns = int(page.locator("#tray").get_attribute("aria-colcount"))
    assert int(page.locator("#tray").get_attribute("aria-rowcount")) == -(-N // columns)

    for where in (0, 0.5, 1):
        page.evaluate("part => scrollTo(0, part * document.documentElement.scrollHeight)", where)
        expect(page.locator(".card").first).to_be_visible()
        assert page.locator(".card").count() < 80


def test_keys__reach_every_picture_and_keep_it_in_the_window(page):
    page.focus("#tray")
    assert current(page) == (0, True)
    page.keyboard.press("End")
    assert current(page) == (N - 1, True)
    page.keyboard.press("ArrowLeft")
    assert current(page) == (N - 2, True)
    page.keyboard.press("PageUp")
    place, is_seen = current(page)
    assert place < N - 10
    assert is_seen
    page.keyboard.press("Home")
    assert current(page) == (0, True)


def test_slider__counts_the_answers_that_are_above_the_threshold(page):
    answers = page.evaluate("fetch('/answers').then((response) => response.json())")["answers"]
    shares = [one["probability"] for one in answers.values() if not one["unfamiliar"]]
    page.locator("#threshold-slider").fill("75")

    n = sum(share >= 0.75 for share in shares)
    expect(page.locator("#threshold-cost")).to_contain_text(f"{n:,} of 2,000 answers count.")
    expect(page.locator("[aria-pressed=true].filter")).to_have_text(f"To sort{N:,}")
