"""The page of a project in which a picture can show several classes."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.apps.page.browser.conftest import DEMO, MINUTES, choose, open_at, project_kept

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow


@pytest.fixture
def page(chromium):
    page = open_at(chromium, "several")
    yield page
    page.close()


def chips(card):
    """The chips of a card: the name of each, and whether the picture shows the class."""
    found = card.locator(".chip").all()
    return {
        chip.locator(".chip-name").inner_text(): chip.get_attribute("aria-pressed") == "true"
        for chip in found
    }


def sends(page, act):
    """The labels that an action sends, without their picture."""
    with page.expect_request(lambda asked: asked.url.endswith("/labels")) as asked:
        act()
    (label,) = asked.value.post_data_json["labels"].values()
    return label


def test_numbers__add_and_take_away_classes_until_enter_goes_on(page):
    current = page.locator(".card.current").get_attribute("data-picture")
    assert chips(page.locator(".card.current")) == {"mantled howler": True, "European badger": True}

    assert sends(page, lambda: page.keyboard.press("4")) == ["c2"]
    assert sends(page, lambda: page.keyboard.press("5")) == ["c2", "c4"]
    assert page.locator(".card.current").get_attribute("data-picture") == current
    assert chips(page.locator(".card.current")) == {"European badger": True, "bald uakari": True}
    pressed = page.locator(".selection-class[aria-pressed=true]")
    assert pressed.locator(".two-lines").all_inner_texts() == ["European badger", "bald uakari"]
    page.keyboard.press("Enter")

    expect(page.locator(f"[data-picture='{current}'].card")).to_have_count(0)
    expect(page.locator(".card.current")).to_have_count(1)


def test_chip__that_is_clicked__adds_its_class(page):
    card = page.locator(".card >> nth=5")
    picture = card.get_attribute("data-picture")

    assert sends(page, card.locator(".chip[aria-pressed=false]").click) == ["c1", "c0"]

    assert chips(page.locator(".card.current")) == {"red fox": True, "grey wolf": True}
    assert page.locator(".card.current").get_attribute("data-picture") == picture
    expect(page.locator("#tray")).to_be_focused()


@pytest.fixture
def pairs(tmp_path):
    """Photographs of two things side by side; the file is named after both."""
    made = []
    for number, (left, right) in enumerate([("hat", "shoes"), ("hat", "dress"), ("dress", "hat")]):
        both = Image.new("RGB", (400, 200))
        for place, name in enumerate((left, right)):
            path = sorted((DEMO / name).glob("*.jpg"))[number]
            both.paste(Image.open(path).convert("RGB").resize((200, 200)), (200 * place, 0))
        made.append(tmp_path / f"{left} {right} {number}.png")
        both.save(made[-1])
    return made


def test_new_project__whose_pictures_show_several__learns_at_once_and_keeps_its_labels(
    visit, address, pairs
):
    page = visit(viewport={"width": 390, "height": 844}).new_page()
    page.goto(address)
    expect(page.locator("#welcome")).to_be_visible()
    page.get_by_label("A picture can show several classes").check()
    page.get_by_label("First class").fill("hat")
    page.get_by_label("Second class").fill("shoes")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".class")).to_have_count(2)
    choose(page, "Add pictures", *pairs)
    expect(page.locator(".card")).to_have_count(3)

    page.locator(".card", has_text="hat shoes 0").locator("img").click()
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator(".card.current .chip[aria-pressed=true]")).to_have_count(2)
    page.keyboard.press("Enter")

    # The other pictures are answered without a further step.
    answered = page.locator(".card .chip, .card .answer-name:text-is('None of these')")
    expect(answered.first).to_be_visible(timeout=MINUTES)
    page.reload()
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".filter", has_text="Confirmed").click()
    expect(page.locator(".card .chip[aria-pressed=true]")).to_have_count(2)
    page.locator("#undo").click()  # the second class
    expect(page.locator(".card .chip[aria-pressed=true]")).to_have_count(1)
    kept = [(entry["name"], len(entry["pictures"])) for entry in project_kept(page)["classes"]]
    assert kept == [("hat", 1), ("shoes", 0)]
