"""One drop of N pictures on the page: python -m benchmarks.trials.page_drop N FOLDER.

Prints the seconds to the first card, the first prediction, the end of the upload and of the
reading; the longest time in milliseconds in which the page's scripts let nothing else run; then
the seconds until a label is shown, all predictions are renewed, and one Undo takes the drop back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

DEMO = Path(__file__).parents[2] / "metaadapter" / "assets" / "demo" / "pictures"
MINUTES = 600_000
WATCH = """() => {
    window.longest = 0;
    let last = performance.now();
    setInterval(() => {
        const now = performance.now();
        window.longest = Math.max(window.longest, now - last - 50);
        last = now;
    }, 50);
}"""


def drawn(folder, n):
    """Draw `n` pictures into a folder; return their paths."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.jpg" for number in range(n)]
    for path in paths:
        small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        small.resize((320, 240), Image.Resampling.BICUBIC).save(path, quality=80)
    return paths


def main() -> None:
    n, home = int(sys.argv[1]), Path(sys.argv[2])
    (home / "drawn").mkdir(parents=True)
    paths = drawn(home / "drawn", n)
    environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}
    command = [sys.executable, "-m", "metaadapter", "serve", str(home / "project")]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server,
        sync_playwright() as driver,
    ):
        address = server.stdout.readline().strip()
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        measure(browser, address, paths)
        browser.close()
        server.terminate()


def measure(browser, address, paths) -> None:
    """Drop the pictures and print the figures."""
    origin = address.split("/?")[0]
    context = browser.new_context(bypass_csp=True, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(MINUTES)
    assert context.request.get(address, timeout=MINUTES).ok
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#welcome:visible")
    for label in ("hat", "shoes"):
        chosen = sorted((DEMO / label).glob("*.jpg"))[:5]
        files = [("pictures", (f"{label}/{path.name}", path.read_bytes())) for path in chosen]
        form = httpx.Request("POST", origin, files=files, data={"class": "folders"})
        head = {"Content-Type": form.headers["Content-Type"]}
        assert context.request.post(f"{origin}/pictures", data=form.read(), headers=head).ok
    page.wait_for_selector(".class >> nth=1")
    page.evaluate(WATCH)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add pictures", exact=True).click()
    chooser.value.set_files(paths, timeout=MINUTES)

    start = time.monotonic()
    tell = lambda what: print(what, round(time.monotonic() - start, 2), flush=True)  # noqa: E731
    page.wait_for_selector(".card")
    tell("first card")
    page.wait_for_selector(".card:not(.unanswered, .stale)")
    tell("first prediction")
    is_sent = False
    while True:
        time.sleep(2)
        work = page.evaluate("fetch('/work').then((response) => response.json())")
        if not is_sent and not page.locator("#work", has_text="Adding").count():
            is_sent = True
            tell("sent")
        if is_sent and not work["busy"]:
            break
    tell("read")
    page.wait_for_selector(".card.stale, .card.unanswered", state="detached")
    print("longest", round(page.evaluate("window.longest")))

    page.wait_for_timeout(1000)
    page.focus("#tray")
    before = page.locator("#tray-count").inner_text()
    changed = "(text) => document.querySelector('#tray-count').textContent !== text"
    start = time.monotonic()
    page.keyboard.press("1")
    page.wait_for_function(changed, arg=before)
    tell("label")
    page.wait_for_selector(".card.stale", state="detached")
    tell("renewed")
    page.keyboard.press("Control+z")
    page.wait_for_function(changed.replace("!==", "==="), arg=before)
    page.wait_for_timeout(3000)
    start = time.monotonic()
    page.keyboard.press("Control+z")
    page.wait_for_function("!document.querySelector('.card')")
    tell("undo")


if __name__ == "__main__":
    main()
