"""The whole story in a real Chromium, by mouse and by keyboard, to correct predictions.

METAADAPTER_SCREENSHOTS=FOLDER keeps a picture of each step, in light, dark and on a phone.
"""

from __future__ import annotations

import base64
import csv
import io
import mimetypes
import os
import re
from pathlib import Path

import pytest

from tests.apps.page.browser.conftest import DEMO, PHONE, WINDOW, choose, project_kept

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

SHOTS, SORTED = slice(0, 3), slice(3, 8)  # of each class: given as examples, and to be sorted


def pictures(label, part):
    return sorted((DEMO / label).glob("*.jpg"))[part]


TRUTH = {path.name: path.parent.name for path in DEMO.glob("*/*.jpg")}


@pytest.fixture
def page(visit, address):
    """The page of a new project; it must make no error and send no request to another host."""
    document = visit().new_page()
    faults, hosts = [], set()
    document.on("console", lambda message: message.type == "error" and faults.append(message.text))
    document.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    document.goto(address)
    document.wait_for_selector("body[data-state=welcome]")
    yield document
    assert [fault for fault in faults if "net::ERR_FAILED" not in fault] == []  # of a cut line
    assert hosts == {address.split("/")[2]}


@pytest.fixture
def keep(page, request):
    """Save screenshots of the page under a name, if the environment names a folder."""
    folder = os.environ.get("METAADAPTER_SCREENSHOTS")

    def shoot(name):
        if not folder:
            return
        for look in ("light", "dark", "phone"):
            page.emulate_media(color_scheme="dark" if look == "dark" else "light")
            page.set_viewport_size(PHONE if look == "phone" else WINDOW)
            page.wait_for_timeout(300)
            page.screenshot(path=Path(folder) / f"{request.node.name}-{name}-{look}.png")
        page.set_viewport_size(WINDOW)
        page.wait_for_timeout(300)

    return shoot


def wait_for_answers(page, n):
    """Wait until all of `n` pictures in the tray have an up-to-date prediction."""
    expect(page.locator("#tray-count")).to_have_text(str(n))
    expect(page.locator(".card:not(.stale, .unanswered)")).to_have_count(n, timeout=60_000)


def answers_shown(page):
    """File name → answered class, of the cards in the document."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".card")].map((card) =>
            [card.title, card.querySelector(".answer-name").textContent]))"""
    )


def classes_kept(page):
    """Class → file names of its pictures, as the server has them."""
    project = project_kept(page)
    return {
        one["name"]: {project["names"][picture] for picture in one["pictures"]}
        for one in project["classes"]
    }


def right(answers):
    return sum(TRUTH[name] == label for name, label in answers.items())


def drop(page, where, paths):
    """Drop files on an element, as from a file manager."""
    files = [
        [path.name, base64.b64encode(path.read_bytes()).decode(), mimetypes.guess_type(path)[0]]
        for path in paths
    ]
    page.evaluate(
        """([where, files]) => {
            const dataTransfer = new DataTransfer();
            for (const [name, data, type] of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                dataTransfer.items.add(new File([bytes], name, {type}));
            }
            const how = {bubbles: true, cancelable: true, dataTransfer};
            for (const kind of ["dragover", "drop"])
                document.querySelector(where).dispatchEvent(new DragEvent(kind, how));
        }""",
        [where, files],
    )


def test_story__by_mouse(page, keep):
    keep("1-welcome")
    page.get_by_label("First class").fill("hat")
    page.get_by_label("Second class").fill("shoes")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_selector(".class >> nth=1")
    keep("2-classes")

    for label in ("hat", "shoes"):
        choose(page, f"Add pictures: {label}", *pictures(label, SHOTS))
    drop(page, "#tray-empty", [*pictures("hat", SORTED), *pictures("shoes", SORTED)])
    wait_for_answers(page, 10)
    keep("3-answers")
    assert right(answers_shown(page)) >= 9

    # A wrong label, then a click that puts the picture right, through the bar.
    shoe = pictures("shoes", SORTED)[0].name
    page.get_by_title(shoe).click()
    page.locator(".selection-class", has_text="hat").click()
    expect(page.locator("#tray-count")).to_have_text("9")
    assert shoe in classes_kept(page)["hat"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#tray-count")).to_have_text("10")
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("#tray-count")).to_have_text("9")
    page.get_by_role("button", name=shoe).click()
    page.get_by_role("dialog").get_by_role("button", name="shoes", exact=True).click()
    expect(page.locator(".class:nth-child(2) .shot")).to_have_count(4)
    wait_for_answers(page, 9)

    # Several at once: a range, and one more.
    page.locator(".card").nth(0).click()
    page.locator(".card").nth(3).click(modifiers=["Shift"])
    page.locator(".card").nth(6).click(modifiers=["Control"])
    assert page.locator(".card[aria-selected=true]").count() == 5
    keep("4-selected")
    page.keyboard.press("Escape")

    page.locator("#threshold-slider").fill("90")
    assert "answers count" in page.locator("#threshold-cost").inner_text()
    keep("5-threshold")
    page.locator("#threshold-slider").fill("0")

    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator("#tray-count")).to_have_text(re.compile("[0-2]"))
    page.wait_for_selector("#tray-empty:visible")
    page.get_by_role("button", name=re.compile("^Confirmed")).click()
    expect(page.locator(".card.labelled")).to_have_count(16)
    for name, label in answers_shown(page).items():
        if label == "None of these":  # taken for a stranger
            page.get_by_title(name, exact=True).click()
            page.locator(".selection-class", has_text=TRUTH[name]).click()
    expect(page.locator(".labelled .answer-name", has_text="None of these")).to_have_count(0)
    kept = classes_kept(page)
    assert sum(map(len, kept.values())) == 16
    assert sum(right(dict.fromkeys(names, label)) for label, names in kept.items()) >= 15

    page.get_by_role("button", name="Download").click()
    keep("6-download")
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers as a table").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert len(rows) == 16


def test_reload__shows_all_that_was_shown_before(page):
    begin(page, "hat", "shoes")
    drop(page, "#tray-empty", pictures("hat", SORTED))
    wait_for_answers(page, 5)
    page.get_by_label("Description of hat").fill("worn on a head")
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_have_text("Saved")
    before = answers_shown(page)

    page.reload()
    wait_for_answers(page, 5)

    assert answers_shown(page).keys() == before.keys()
    assert page.get_by_label("Description of hat").input_value() == "worn on a head"


def begin(page, *labels):
    """Classes with their examples."""
    page.get_by_label("First class").fill(labels[0])
    page.get_by_label("Second class").fill(labels[1])
    page.get_by_role("button", name="Begin", exact=True).click()
    for at, label in enumerate(labels[:2]):
        page.wait_for_selector(f".class >> nth={at}")
        drop(page, f".class:nth-child({at + 1})", pictures(label, SHOTS))
        page.wait_for_selector(f".class:nth-child({at + 1}) .shot >> nth=2")


def test_server_that_is_gone__is_reported_and_the_page_stays(page):
    begin(page, "hat", "shoes")
    page.route("**/*", lambda route: route.abort())
    page.get_by_label("Name of a new class").fill("dress")
    page.keyboard.press("Enter")
    page.wait_for_selector(".error")
    assert "does not respond" in page.locator(".error").first.inner_text()
    assert page.locator(".class").count() == 3  # the new class waits for the server
    expect(page.locator("#saved")).to_have_text("1 change is not saved yet")
