"""A phone in the same network: its own page, and the code on the page that leads there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.apps.page.browser.conftest import DEMO, PHONE, WINDOW, of_class, upload

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

# Tests reach no network, so the phone asks at this machine; its port and token are its own.
SERVE = """
import sys
from metaadapter.apps.cli.app import main
from metaadapter.apps.page import access as ports
ports.network_address = lambda: "127.0.0.1"
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def addresses(serving):
    """The addresses for this machine and for phones."""
    return serving("-c", SERVE, options=("--phone",), last="encrypted")


@pytest.fixture
def computer(chromium, addresses):
    """The page on this machine, with hats and shoes."""
    context = chromium.new_context(locale="en-GB", viewport=WINDOW)
    context.request.get(addresses[0])
    upload(context, addresses[0].split("/?")[0], [*of_class("hat"), *of_class("shoes")])
    page = context.new_page()
    page.goto(addresses[0])
    expect(page.locator(".class")).to_have_count(2)
    yield page
    context.close()


def test_phone__shows_the_answer_of_its_picture_and_adds_it(chromium, computer, addresses):
    looks = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
    phone = chromium.new_context(locale="de-DE", **looks).new_page()
    phone.goto(addresses[1])
    expect(phone.locator("#target option")).to_have_count(4)
    hats = sorted((DEMO / "hat").glob("*.jpg"))

    phone.locator("#shoot").set_input_files(hats[4])
    expect(phone.locator("li strong")).to_have_text(re.compile(r"^hat, \d+\s%$"), timeout=60_000)
    assert computer.locator(".class .shot").count() == 6  # only asked
    phone.locator("#target").select_option("hat")
    phone.locator("#shoot").set_input_files(hats[5])

    expect(phone.locator("li").first).to_contain_text("Hinzugefügt zu: hat", timeout=60_000)
    expect(computer.locator(".class:nth-child(1) .count")).to_have_text("4")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    if folder := os.environ.get("METAADAPTER_SCREENSHOTS"):
        phone.screenshot(path=Path(folder) / "phone.png")
