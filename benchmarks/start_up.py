"""How long commands take to start, against the bare imports that they need."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.resources import files
from pathlib import Path

REPEATS = 5
PACKAGE = Path(str(files("metaadapter")))
# What nobody can do without: the imports, the model and one forward pass.
BARE = """
import sys, torch, open_clip
from PIL import Image
model, prepare = open_clip.create_model_from_pretrained("local-dir:" + sys.argv[1])
with torch.no_grad():
    model.eval().encode_image(prepare(Image.open(sys.argv[2]))[None])
"""


def measure() -> dict[str, float]:
    """Median milliseconds and seconds; `cpu` is processor time. Commands and peers take turns.

    The peer of `--help` is the import of typer and rich, that of `predict` is `BARE`.
    """
    pictures = PACKAGE / "assets" / "demo" / "pictures"
    picture = str(sorted(pictures.glob("*/*"))[0])
    program = [sys.executable, "-m", "metaadapter"]
    with tempfile.TemporaryDirectory() as folder:
        adapter = str(Path(folder, "adapter"))
        _seconds([*program, "adapt", str(pictures), "--out", adapter])
        commands = {
            "help": [*program, "--help"],
            "help_bare": [sys.executable, "-c", "import typer, rich.console"],
            "predict": [*program, "predict", adapter, picture],
            "predict_bare": [sys.executable, "-c", BARE, str(PACKAGE / "assets/tiny"), picture],
        }
        turns = [
            {name: _seconds(command) for name, command in commands.items()} for _ in range(REPEATS)
        ]
        page = statistics.median(_seconds_to_page(program, folder) for _ in range(3))
    figures = {"serve_page_s": page}
    for name in commands:
        wall, cpu = (statistics.median(turn[name][part] for turn in turns) for part in (0, 1))
        figures |= {f"{name}_ms": 1e3 * wall, f"{name}_cpu_ms": 1e3 * cpu}
    return figures


def _seconds(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and its seconds of processor time."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def _seconds_to_page(program: list[str], folder: str) -> float:
    """Start `serve`; return the seconds until its page is there, which says what is loading."""
    project = str(Path(folder, f"project {time.monotonic_ns()}"))
    command = [*program, "serve", project]
    start = time.perf_counter()
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as process:
        try:
            assert process.stdout is not None
            # The address has a token, which the page turns into a cookie.
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            browser.open(process.stdout.readline().strip()).read()
            return time.perf_counter() - start
        finally:
            process.kill()  # its end would wait until the encoder is loaded
