"""The exported web page, as the download dialog shows it before it is on a web host."""

from __future__ import annotations

import re

import pytest

from tests.apps.page.browser.conftest import DEMO, of_class

expect = pytest.importorskip("playwright.sync_api").expect
MINUTES = 180_000
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_preview__labels_pictures_and_the_dialog_says_its_size(visit, address):
    context = visit(files=[*of_class("hat"), *of_class("shoes")])
    page = context.new_page()
    page.goto(address)
    page.locator("#download:enabled").click(timeout=MINUTES)
    size = page.locator("[data-size=page]")
    expect(size).to_have_text(re.compile(r"^more than \d+ MB$"), timeout=MINUTES)

    with context.expect_page(timeout=MINUTES) as opened:
        page.get_by_role("link", name="Look at it").click()
    preview = opened.value
    preview.locator("#pictures:enabled").wait_for(state="attached", timeout=MINUTES)
    preview.set_input_files("#pictures", sorted((DEMO / "hat").glob("*.jpg"))[4])

    expect(preview.locator("#answers h2")).to_have_text("hat", timeout=MINUTES)
    page.keyboard.press("Escape")
    page.locator("#download").click()
    expect(size).to_have_text(re.compile(r"^\d+ MB$"), timeout=MINUTES)  # exact once it is made
