"""The exported web page, as the download dialog shows it before it is on a web host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api").expect

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "metaadapter" / "assets" / "demo" / "pictures"
MINUTES = 180_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


@pytest.fixture
def address(tmp_path):
    """The address of a server that can export web pages."""
    command = [sys.executable, "-m", "metaadapter", "serve", str(tmp_path / "clothes")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as server:
        yield server.stdout.readline().strip()
        server.terminate()


def test_preview__labels_pictures_and_the_dialog_says_its_size(chromium, address):
    context = chromium.new_context(locale="en-GB")
    context.request.get(address)
    for label in ("hat", "shoes"):
        for path in sorted((DEMO / label).glob("*.jpg"))[:3]:
            name = f"{label}/{path.name}"
            file = {"name": name, "mimeType": "image/jpeg", "buffer": path.read_bytes()}
            form = {"class": "folders", "pictures": file}
            base = address.split("?")[0]
            assert context.request.post(base + "pictures", multipart=form, timeout=MINUTES).ok
    page = context.new_page()
    page.goto(address)
    page.locator("#download:enabled").click(timeout=MINUTES)
    size = page.locator("[data-size=page]")
    expect(size).to_have_text(re.compile(r"^more than \d+ MB$"), timeout=MINUTES)

    with context.expect_page(timeout=MINUTES) as opened:
        page.get_by_role("link", name="Look at it").click()
    preview = opened.value
    faults = []
    preview.on("pageerror", lambda error: faults.append(str(error)))
    preview.locator("#pictures:enabled").wait_for(state="attached", timeout=MINUTES)
    preview.set_input_files("#pictures", sorted((DEMO / "hat").glob("*.jpg"))[4])

    expect(preview.locator("#answers h2")).to_have_text("hat", timeout=MINUTES)
    assert faults == []
    page.keyboard.press("Escape")
    page.locator("#download").click()
    expect(size).to_have_text(re.compile(r"^\d+ MB$"), timeout=MINUTES)  # exact once it is made
    context.close()
