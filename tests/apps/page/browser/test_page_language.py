"""The page in German: its words, and what the server says; the choice of a language."""

from __future__ import annotations

from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

DEMO = Path(__file__).parents[4] / "metaadapter" / "assets" / "demo" / "pictures"
MINUTES = 120_000  # a busy machine takes long to open the first project


@pytest.fixture
def context(chromium, address, request):
    """A German browser, and a new project."""
    context = chromium.new_context(locale="de-DE", viewport={"width": 1280, "height": 800})
    context.request.get(address)
    new = context.request.post(
        address.split("?")[0] + "projects", data={"name": request.node.name}, timeout=MINUTES
    )
    assert new.ok, new.text()
    yield context
    context.close()


def upload(context, address, path):
    """Add a picture to the class of its folder."""
    name = f"{path.parent.name}/{path.name}"
    file = {"name": name, "mimeType": "image/jpeg", "buffer": path.read_bytes()}
    response = context.request.post(
        address.split("?")[0] + "pictures",
        multipart={"class": "folders", "pictures": file},
        timeout=MINUTES,
    )
    assert response.ok, response.text()


def test_page__in_a_german_browser__says_everything_in_german(context, address, tmp_path):
    for label in ("hat", "shoes"):
        upload(context, address, next((DEMO / label).glob("*.jpg")))
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
    expect(page.locator(".error")).to_contain_text("Der Name „hat“ ist schon vergeben.")
    # The reason why a file was not added
    (tmp_path / "leer.jpg").write_bytes(b"")
    with page.expect_file_chooser() as chooser:
        page.locator("#add-pictures").click()
    chooser.value.set_files(tmp_path / "leer.jpg")
    expect(page.locator(".error li")).to_have_text("leer.jpg: die Datei ist leer")
