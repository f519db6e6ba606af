"""Downloads that a browser opens: the contact sheet on paper, and the web page."""

from __future__ import annotations

import re
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.apps.page.browser.conftest import DEMO, MINUTES, of_class, upload, violations

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NO_CAMERA = """(name) => (navigator.mediaDevices.getUserMedia = () =>
    Promise.reject(new DOMException("", name)))"""


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


@pytest.fixture
def preview(page):
    """The preview of the web page, once it can be used."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Vorschau").click(timeout=MINUTES)
    preview = opened.value
    preview.locator("#pictures:enabled").wait_for(state="attached", timeout=3 * MINUTES)
    return preview


def ask(page):
    """Ask the web page what a picture of a hat shows, and expect that it knows."""
    page.set_input_files("#pictures", sorted((DEMO / "hat").glob("*.jpg"))[4])
    expect(page.locator("#answers h2")).to_have_text("hat", timeout=MINUTES)


def test_web_page__previewed__is_what_is_downloaded_for_any_host(page, preview, tmp_path):
    ask(preview)
    with page.expect_download(timeout=MINUTES) as download:
        page.get_by_role("button", name="Webseite").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path / "some" / "folder")
        for name in archive.namelist():
            served = preview.request.get(preview.url.replace("index.html", name))
            assert served.body() == archive.read(name), name
        assert "index.html" in archive.namelist()

    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        preview.goto(f"http://127.0.0.1:{host.server_port}/some/folder/")
        preview.locator("#pictures:enabled").wait_for(state="attached", timeout=MINUTES)
        ask(preview)
        host.shutdown()


def test_web_page__camera__shows_bars_for_all_classes_until_it_is_closed(preview):
    camera, notice = preview.get_by_role("button", name="Camera"), preview.locator("#camera-status")
    ask(preview)
    for scheme in ("light", "dark"):
        preview.emulate_media(color_scheme=scheme)
        assert violations(preview) == {}

    camera.click()
    expect(preview.locator("#live dt")).to_have_text(["hat", "shoes"], timeout=MINUTES)
    shown = preview.locator("#live dd").all_inner_texts()
    assert sum(float(text.removesuffix(" %")) for text in shown) == pytest.approx(100, abs=0.2)
    # As in a tab that is not seen: the next answer would make new bars.
    preview.evaluate("Object.defineProperty(document, 'hidden', { value: true })")
    preview.wait_for_timeout(3000)
    assert preview.locator("#live .bar").first.bounding_box()["width"] > 100
    for scheme in ("light", "dark"):
        preview.emulate_media(color_scheme=scheme)
        assert violations(preview) == {}
    tracks = preview.evaluate_handle("video.srcObject.getTracks()")
    preview.keyboard.press("Escape")
    preview.wait_for_timeout(500)
    assert tracks.evaluate("all => all.map((one) => one.readyState)") == ["ended"]

    for name, sentence in (
        ("NotAllowedError", "The browser does not allow this page to use the camera"),
        ("NotFoundError", "The browser finds no camera"),
    ):
        preview.evaluate(NO_CAMERA, name)
        camera.click()
        expect(notice).to_contain_text(sentence)
        expect(preview.locator("#live")).to_be_empty()
        preview.get_by_role("button", name="Close").click()
        expect(preview.get_by_role("dialog")).to_have_count(0)
    preview.set_viewport_size({"width": 360, "height": 640})
    assert preview.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_web_page__without_the_packages__says_how_to_install_them(visit, serving):
    start = "import sys; sys.modules['onnx'] = None; from metaadapter.__main__ import main; main()"
    (address,) = serving("-c", start, options=("--port", "0"), last="?token=")
    context = visit(address=address, files=[*of_class("hat"), *of_class("shoes")])
    page = context.new_page()
    page.goto(address)
    page.locator("#download").click(timeout=MINUTES)
    dialog = page.get_by_role("dialog")

    for name in ("Web page", "ONNX model"):
        dialog.get_by_role("button", name=name).click()
        expect(dialog.get_by_role("status")).to_contain_text("pip install 'metaadapter[onnx]'")
        expect(dialog.get_by_role("status")).to_contain_text('uv tool install ".[onnx,serve]"')
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="Preview").click()
    expect(opened.value.locator("#status")).to_contain_text("pip install 'metaadapter[onnx]'")
