"""Downloads that a browser opens: the contact sheet on paper."""

from __future__ import annotations

import re

import pytest

from tests.apps.page.browser.conftest import DEMO, MINUTES, of_class, upload

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow


@pytest.fixture
def page(visit, address):
    """A German project of hats and shoes, three pictures each, and others to sort."""
    context = visit(files=[*of_class("hat"), *of_class("shoes")], locale="de-DE")
    paths = sorted((DEMO / "dress").glob("*.jpg"))
    upload(context, address.split("/?")[0], [(p.name, p.read_bytes()) for p in paths], target="")
    page = context.new_page()
    page.goto(address)
    page.locator("#download").click(timeout=MINUTES)
    return page


def test_contact_sheet__printed__has_every_picture_and_no_script(page, tmp_path):
    with page.expect_download(timeout=MINUTES) as download:
        page.get_by_role("link", name="Kontaktbogen").click(timeout=MINUTES)
    name = download.value.suggested_filename
    download.value.save_as(tmp_path / "sheet.html")
    n_pictures = 6 + len([*(DEMO / "dress").glob("*.jpg")])

    page.goto((tmp_path / "sheet.html").as_uri())
    pdf = page.pdf(prefer_css_page_size=True)

    assert name.endswith("-contact-sheet.html")
    expect(page.locator("header p")).to_contain_text(f"Bilder: {n_pictures}")
    expect(page.get_by_role("heading", name="hat")).to_be_visible()
    assert page.locator("script").count() == 0
    assert len(re.findall(rb"/Subtype ?/Image", pdf)) == n_pictures
    assert len(re.findall(rb"/Type ?/Page\b", pdf)) > 1
