"""Seconds from the start of `metaadapter serve` to its first page: of a clock, and of a processor.

python tools/trials/first_page.py [RUNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path


def first_page(home: Path) -> tuple[float, float, float]:
    """Seconds to the first page; processor seconds until then; seconds to the open project."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "metaadapter", "serve", str(home / "project"), "--quiet"]
    environment = {**os.environ, "HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        browser.open(address, timeout=120).read()
        seconds = time.perf_counter() - started
        times = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        busy = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
        browser.open(f"{address.split('?')[0]}project", timeout=120).read()
        whole = time.perf_counter() - started
        server.terminate()
    return seconds, busy, whole


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
            print(
                "page {:.2f} s, processor {:.2f} s, project {:.2f} s".format(
                    *first_page(Path(folder))
                )
            )
