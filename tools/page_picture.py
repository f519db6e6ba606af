"""Take the picture of the page that the documentation shows: clothes of the demo, really sorted.

    python -m tools.page_picture docs/img/serve.webp

Needs the package playwright, a Chromium on the PATH and the extra `serve`.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

DEMO = Path(__file__).parents[1] / "metaadapter" / "assets" / "demo" / "pictures"
CLASSES = ("dress", "hat", "pants", "shoes")
N_EXAMPLES, N_TO_SORT = 3, 8  # pictures of each class
WINDOW = {"width": 1280, "height": 800}
PATIENCE = 120_000  # milliseconds


def picture(address: str, folder: Path) -> bytes:
    """Fill a new project in a browser; return a PNG file of the page."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, locale="en-GB")
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a folder").click()
        chooser.value.set_files(examples(folder))
        page.wait_for_selector(f".class >> nth={len(CLASSES) - 1}")
        add_to_sort(page)
        n = len(CLASSES) * N_TO_SORT
        shown = f"document.querySelector('#tray-count').textContent === '{n}'"
        ready = "!document.querySelector('.card.unanswered, .card.stale, .message')"
        read = "document.querySelector('#work').hidden"
        page.wait_for_function(f"() => {shown} && {read} && {ready}")
        page.keyboard.press("Escape")
        page.mouse.click(640, 780)
        page.wait_for_timeout(1000)
        png = page.screenshot()
        browser.close()
    return png


def examples(folder: Path) -> str:
    """Copy the examples into a folder for each class; return the folder of these folders."""
    for label in CLASSES:
        (folder / label).mkdir(parents=True)
        for file in sorted((DEMO / label).glob("*.jpg"))[:N_EXAMPLES]:
            shutil.copy(file, folder / label)
    return str(folder)


def add_to_sort(page: Any) -> None:
    """Add the pictures to sort."""
    last = N_EXAMPLES + N_TO_SORT
    files = [path for label in CLASSES for path in sorted((DEMO / label).glob("*.jpg"))[:last]]
    with page.expect_file_chooser() as chooser:
        page.locator("#add-pictures").click()
    chooser.value.set_files([str(path) for path in files])


def main() -> None:
    """Write the picture to the file that is named."""
    home = Path(tempfile.mkdtemp())
    command = [sys.executable, "-m", "metaadapter", "serve", str(home / "wear"), "--port", "0"]
    environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            lines = (re.search(r"http://\S+token=\S+", line) for line in server.stdout)
            png = picture(next(line[0] for line in lines if line), home / "clothes")
        finally:
            server.terminate()
    Image.open(io.BytesIO(png)).convert("RGB").save(sys.argv[1], quality=82, method=6)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
