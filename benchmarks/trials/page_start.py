"""How soon an old project is usable: python -m benchmarks.trials.page_start PROJECT N.

Starts `serve` N times, and prints the medians in seconds: to the printed address, to the first
picture of the tray, and to the first predictions; then the CPU seconds of the server in an idle
minute.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

SHOWN = """[...document.querySelectorAll("#tray img")].some(
    (image) => image.complete && image.naturalWidth > 0
)"""
ANSWERED = """async () => {
    const { project } = await import("/page/project.js");
    while (!Object.keys(project.answers).length) await new Promise((go) => setTimeout(go, 20));
}"""


def cpu_seconds(server):
    values = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    project, n = sys.argv[1], int(sys.argv[2])
    command = [sys.executable, "-m", "metaadapter", "serve", project]
    rows = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for number in range(n):
            page = browser.new_context(bypass_csp=True, locale="en-GB").new_page()
            start = time.monotonic()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
                address = server.stdout.readline().strip()
                row = [time.monotonic() - start]
                page.goto(address)
                page.wait_for_function(SHOWN, polling=20, timeout=120_000)
                row.append(time.monotonic() - start)
                page.evaluate(ANSWERED)
                row.append(time.monotonic() - start)
                rows.append(row)
                if number == n - 1:
                    time.sleep(10)
                    before = cpu_seconds(server)
                    time.sleep(60)
                    print("idle", round(cpu_seconds(server) - before, 2))
                page.context.close()
                server.terminate()
        browser.close()
    print(*(round(statistics.median(column), 2) for column in zip(*rows, strict=True)))


if __name__ == "__main__":
    main()
