"""Advice that one click settles, and the row of pictures of none of the classes, in Chromium."""

from __future__ import annotations

import pytest

from tests.apps.page.browser.conftest import of_class, project_kept, upload

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow


@pytest.fixture
def page(visit, address):
    """A project with three classes of five pictures; a shoe is a dress, and a dress a hat."""
    files = [file for label in ("dress", "hat", "shoes") for file in of_class(label, slice(0, 5))]
    for label, name in (("shoes", "dress/shoe.jpg"), ("dress", "hat/dress.jpg")):
        ((_, content),) = of_class(label, slice(7, 8))
        files.append((name, content))
    page = visit(files=files).new_page()
    page.goto(address)
    # A piece that arrives later moves what is below it.
    expect(page.locator("#advice > ul > li")).to_have_count(2, timeout=60_000)
    return page


def state(page):
    """Class → file names, with "none" and the tray, as the server has them."""
    project = project_kept(page)
    groups = {one["name"]: one["pictures"] for one in project["classes"]}
    groups |= {"none": project["none"], "tray": project["tray"]}
    return {key: {project["names"][one] for one in ones} for key, ones in groups.items()}


def advice_about(page, name):
    return page.locator("#advice > ul > li", has=page.get_by_label(f"Show {name}", exact=True))


def in_advice(page):
    return page.evaluate(
        "[document.activeElement.tagName, Boolean(document.activeElement.closest('#advice'))]"
    )


def test_advice__is_settled_by_one_click_and_the_focus_goes_to_the_next_piece(page):
    page.locator("#advice > summary").click()
    advice_about(page, "dress/shoe.jpg").get_by_role("button", name="Move to shoes").click()

    expect(page.locator("#advice > ul > li")).to_have_count(1)
    assert in_advice(page) == ["BUTTON", True]
    expect(page.locator("#saved")).to_have_text("Saved")
    assert "dress/shoe.jpg" in state(page)["shoes"]
    keep = advice_about(page, "hat/dress.jpg").get_by_role("button", name="None of these")
    keep.click(timeout=60_000)
    expect(advice_about(page, "hat/dress.jpg")).to_have_count(0)
    assert in_advice(page) == ["SUMMARY", True]
    expect(page.locator("#none-row .count")).to_have_text("1")
    expect(page.locator("#saved")).to_have_text("Saved")
    assert state(page)["none"] == {"hat/dress.jpg"}

    page.reload()
    expect(page.locator("#advice")).to_be_visible(timeout=60_000)
    expect(page.locator("#advice .settled li")).to_have_count(2)
    expect(advice_about(page, "dress/shoe.jpg")).to_have_count(0)
    page.locator("#advice > summary").click()
    if not page.locator("#advice .settled ul").is_visible():
        page.locator("#advice .settled > summary").click()
    page.locator("#advice .settled li").first.get_by_role("button", name="Take back").click()
    expect(page.locator("#advice .settled li")).to_have_count(1)
    assert in_advice(page) == ["BUTTON", True]
    expect(page.locator("#saved")).to_have_text("Saved")
    assert "hat/dress.jpg" in state(page)["hat"]


def test_none_row__takes_pictures_shows_them_and_hides_them(page):
    row = page.locator("#none-row")
    toggle = row.get_by_role("button", name="None of these")
    expect(toggle).to_have_attribute("aria-expanded", "false")

    for place in (1, 2):  # so that the row is within the window
        page.locator(".class-toggle").nth(place).click()
    # A picture that arrives during the drag moves the row away from under the pointer.
    page.wait_for_function("[...document.images].every(image => image.complete)")
    page.locator(".class .shot[title^='dress/shoe.jpg']").drag_to(row)
    expect(row.locator(".count")).to_have_text("1")
    toggle.click()
    expect(row.locator(".shot")).to_have_attribute("aria-label", "dress/shoe.jpg")
    expect(page.locator("#saved")).to_have_text("Saved")
    assert state(page)["none"] == {"dress/shoe.jpg"}
    toggle.click()
    expect(row.locator(".shot")).not_to_be_visible()
    page.keyboard.press("Control+z")
    expect(row.locator(".count")).to_have_text("0")


def test_doubtful__holds_what_advice_doubts_in_its_order_until_a_person_keeps_it(page):
    page.locator("#filters").get_by_role("button", name="Doubtful").click()
    cards = page.locator("#tray [role=gridcell][data-picture]")
    expect(cards).to_have_count(2)
    doubted = page.locator("#advice > ul > li .shot").evaluate_all(
        "all => all.map((one) => one.title)"
    )
    assert cards.evaluate_all("all => all.map((one) => one.title)") == doubted
    expect(page.locator(".class .doubted")).to_have_count(2)

    page.locator("#advice > summary").click()
    advice_about(page, "hat/dress.jpg").get_by_role("button", name="Keep").click()

    expect(cards).to_have_count(1)
    expect(cards).to_have_attribute("title", "dress/shoe.jpg")
    expect(page.locator(".class .doubted")).to_have_count(1)


def test_why__of_an_answer__shows_examples_and_the_answer_without_them(page, address):
    origin = address.partition("/?")[0]
    upload(page.context, origin, of_class("shoes", slice(8, 9)), target="")
    card = page.locator("#tray .card:not(.labelled)").first
    expect(card).to_be_visible(timeout=60_000)
    card.dblclick()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".picture-state")).to_contain_text("%", timeout=60_000)

    dialog.get_by_role("button", name="Why?").click()

    reasons = dialog.locator(".reason")
    expect(reasons.first).to_contain_text("without it", timeout=60_000)
    assert 1 <= reasons.count() <= 6
    file = reasons.first.locator("img").get_attribute("alt")
    reasons.first.click()
    expect(page.get_by_role("dialog").last.get_by_role("heading")).to_have_text(file)


def test_expected_accuracy__stands_above_the_tray(page):
    expect(page.locator("#expected")).to_contain_text("with twice as many examples")
