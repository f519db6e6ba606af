"""The page in German: its words, and what the server says; the choice of a language."""

from __future__ import annotations

import pytest

from tests.apps.page.browser.conftest import choose, of_class

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow


def test_page__in_a_german_browser__says_everything_in_german(visit, address, tmp_path):
    context = visit(files=[*of_class("hat"), *of_class("shoes")], locale="de-DE")
    context.request.post(address.split("?")[0] + "classes", data={"name": "dress"})
    page = context.new_page()
    page.goto(address)

    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#classes-title")).to_contain_text("Klassen")
    # Advice and a refusal, which the server sends in English
    expect(page.locator("#advice .first")).to_have_text(
        "Die Klasse „dress“ hat noch kein Bild: Das erste hilft am meisten.",
        timeout=60_000,
    )
    page.get_by_label("Name einer neuen Klasse").fill("hat")
    page.keyboard.press("Enter")
    expect(page.locator("#class-refusal")).to_contain_text("Der Name „hat“ ist schon vergeben.")
    # The reason why a file was not added
    (tmp_path / "leer.jpg").write_bytes(b"")
    choose(page, "Bilder hinzufügen", tmp_path / "leer.jpg")
    expect(page.locator(".error li")).to_have_text("leer.jpg: die Datei ist leer")
