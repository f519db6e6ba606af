"""A tray of two thousand pictures: its rows in the document, and the keys.

A server would have to encode the pictures first, so the test sends the responses itself.
"""

from __future__ import annotations

import json

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

ORIGIN = "http://127.0.0.1"
N = 2000
TRAY = [f"{number:032x}" for number in range(N)]
PROJECT = {
    "name": "many",
    "encoder": "tiny",
    "revision": 1,
    "classes": [
        {"id": "a", "name": "hat", "description": "", "pictures": ["a" * 32]},
        {"id": "b", "name": "shoes", "description": "", "pictures": ["b" * 32]},
    ],
    "tray": TRAY,
    "none": [],
    "names": {picture: f"{number}.jpg" for number, picture in enumerate(TRAY)},
    "unreadable": {},
    "ready": True,
    "can_undo": False,
    "can_redo": False,
    "saved": True,
    "folder": "many",
}


def answer(number):
    return {
        "class": "ab"[number % 2],
        "probability": 0.5 + number / N / 2,  # so the first are the least sure
        "runner_up": "ba"[number % 2],
        "runner_up_probability": 0.5 - number / N / 2,
        "known": 1.0,
        "unfamiliar": False,
    }


GIVEN = {
    "/project": PROJECT,
    "/answers": {
        "revision": 1,
        "ready": True,
        "answers": {picture: answer(number) for number, picture in enumerate(TRAY)},
        "left_out": {},
    },
    "/sure": {"points": [], "n_pictures": 0},
    "/advice": {"advice": []},
    "/work": {
        "revision": 1,
        "busy": False,
        "stopped": False,
        "per_second": None,
        "what": "",
        "done": 0,
        "total": 0,
        "seconds_left": None,
        "error": None,
    },
}


def open_page(chromium, hand_over, given):
    """The page with these responses of the server, once its first answers are shown."""

    def give(route):
        path = route.request.url.removeprefix(ORIGIN).split("?")[0]
        if path in given:
            route.fulfill(body=json.dumps(given[path]), content_type="application/json")
        elif path == "/":
            hand_over(route, "index.html")
        elif path.startswith("/pictures/"):
            route.fulfill(body=SQUARE, content_type="image/svg+xml")
        else:
            hand_over(route)

    document = chromium.new_page(viewport={"width": 1280, "height": 800}, locale="en-GB")
    document.route("**/*", give)
    document.goto(f"{ORIGIN}/")
    expect(document.locator(".card:not(.unanswered)").first).to_be_visible()
    return document


@pytest.fixture
def page(chromium, hand_over):
    document = open_page(chromium, hand_over, GIVEN)
    yield document
    document.close()


SQUARE = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


def current(page):
    """File name of the current picture, and whether it is within the window."""
    return page.evaluate(
        """() => {
            const id = document.querySelector("#tray").getAttribute("aria-activedescendant");
            const card = document.getElementById(id);
            const box = card.getBoundingClientRect();
            return [card.title, box.top >= 0 && box.bottom <= innerHeight];
        }"""
    )


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
    assert current(page) == ["0.jpg", True]
    page.keyboard.press("End")
    assert current(page) == [f"{N - 1}.jpg", True]
    page.keyboard.press("ArrowLeft")
    assert current(page) == [f"{N - 2}.jpg", True]
    page.keyboard.press("PageUp")
    name, is_seen = current(page)
    assert int(name.split(".")[0]) < N - 10
    assert is_seen
    page.keyboard.press("Home")
    assert current(page) == ["0.jpg", True]


def test_slider__counts_the_answers_that_are_above_the_threshold(page):
    page.locator("#threshold-slider").fill("75")

    expect(page.locator("#threshold-cost")).to_contain_text("1,000 of 2,000 answers count.")
    expect(page.locator(".card.unsure").first).to_be_visible()
