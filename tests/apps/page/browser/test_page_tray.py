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


def first_shown(page):
    """Whether the first picture is current, and the tray has the focus."""
    return page.evaluate(
        """() => {
            const tray = document.querySelector("#tray");
            const [first] = [...tray.querySelectorAll(".card")].map(({ id }) => id);
            const current = tray.getAttribute("aria-activedescendant");
            return current === first && document.activeElement === tray;
        }"""
    )


def choose(page, where, value):
    """Choose from a list as with the mouse."""
    page.locator(where).click()
    page.locator(where).evaluate(
        "(node, value) => { node.value = value; node.dispatchEvent(new Event('change')) }", value
    )


def test_keys__are_true_after_loading_and_after_every_filter_and_order(chromium):
    page = open_state(chromium, state(5, 4, 200), None, viewport={"width": 1280, "height": 800})
    assert first_shown(page)
    page.wait_for_timeout(500)  # longer than a person needs to see the order of the answers
    with page.expect_request("**/labels") as sent:
        page.keyboard.press("Enter")
    assert len(sent.value.post_data_json["labels"]) == 1

    page.keyboard.press("End")
    page.locator("#filters .filter").nth(2).click()
    assert first_shown(page)
    page.locator("#filters .filter").nth(0).click()
    choose(page, "#class-filter", "c2")
    assert first_shown(page)
    page.keyboard.press("End")
    choose(page, "#order", "certain")
    assert first_shown(page)
    assert current(page)[1]
    page.locator("#order").focus()
    page.keyboard.press("ArrowDown")  # the next order: a list used by keys keeps the focus
    expect(page.locator("#order")).to_be_focused()
    page.close()


def test_order__follows_the_answers_until_the_person_acts_and_a_late_key_does_nothing(chromium):
    given = state(5, 4, 200)
    answers, project = given["/answers"]["answers"], given["/project"]
    page = open_state(chromium, given, None, viewport={"width": 1280, "height": 800})
    labels = []
    page.on("request", lambda one: one.url.endswith("/labels") and labels.append(one))
    was = page.locator("#tray").get_attribute("aria-activedescendant")

    def answer_anew(picture):
        answers[picture] = answers[picture] | {"probability": 0.3, "runner_up_probability": 0.3}
        given["/answers"] = given["/answers"] | {"revision": given["/answers"]["revision"] + 1}
        for path in ("/work", "/project"):
            given[path] = given[path] | {"revision": given["/answers"]["revision"]}
        script = """id => new Promise((resume) => {
            const tray = document.querySelector("#tray");
            new MutationObserver(() => {
                if (tray.getAttribute("aria-activedescendant") !== id) return;
                for (const key of ["Enter", "1"])
                    tray.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
                resume();
            }).observe(tray, { attributes: true });
        })"""
        page.evaluate(script, f"picture-{picture}")

    known = [one for one in project["tray"] if not answers[one]["unfamiliar"]]
    answer_anew(next(one for one in known if f"picture-{one}" != was))
    assert labels == []
    expect(page.locator(".message")).to_contain_text("Look at it, then press again.")
    now = page.locator("#tray").get_attribute("aria-activedescendant")
    page.wait_for_timeout(500)  # longer than a person needs
    page.keyboard.press("Enter")
    expect(page.locator("#tray-count")).to_have_text("199")
    (sent,) = labels
    assert [f"picture-{one}" for one in sent.post_data_json["labels"]] == [now]
    page.close()


def test_slider__counts_the_answers_that_are_above_the_threshold(page):
    answers = page.evaluate("fetch('/answers').then((response) => response.json())")["answers"]
    shares = [one["probability"] for one in answers.values() if not one["unfamiliar"]]
    page.locator("#threshold-slider").fill("75")

    n = sum(share >= 0.75 for share in shares)
    expect(page.locator("#threshold-cost")).to_contain_text(f"{n:,} of 2,000 answers count.")
    expect(page.locator("[aria-pressed=true].filter")).to_have_text(f"To sort{N:,}")
