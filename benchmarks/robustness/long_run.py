"""`predict --out` over many pictures, killed many times: no row is lost or doubled, memory is flat.

python -m benchmarks.robustness.long_run [--pictures 20000] [--kills 16] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

COLOURS = {"heron": (40, 90, 200), "lynx": (200, 170, 90), "red fox": (220, 70, 20)}
N_BROKEN = 10
PICTURES_IN_A_FOLDER = 500
# Memory is measured after this fraction of the pictures.
WARM = 0.2
MOST_MORE_MIB = 32.0


class LongRun(NamedTuple):
    """The figures of a run that was killed and resumed."""

    n_pictures: int
    n_kills: int
    n_lost: int
    n_doubled: int
    same: bool
    """True if the bytes of the table equal those of the undisturbed run."""
    n_errors_reported: int
    warm_mib: float
    """The memory of the undisturbed run after a fifth of the pictures, in MiB."""
    most_mib: float
    """The largest memory of the undisturbed run after that, in MiB."""
    seconds: float

    @property
    def failed(self) -> bool:
        """True if a row was lost or doubled, or memory grew."""
        grew = self.most_mib - self.warm_mib > MOST_MORE_MIB
        return bool(self.n_lost or self.n_doubled or not self.same or grew)


def draw_pictures(folder: Path, n: int) -> None:
    """Write `n` small pictures with different bytes, 500 per folder; a few are broken."""
    rng = np.random.default_rng(0)
    contents = []
    for colour in COLOURS.values():
        pixels = np.array(colour) + rng.integers(-20, 21, (48, 64, 3))
        file = folder / "one.jpg"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file)
        contents.append(file.read_bytes())
        file.unlink()
    for number in range(n):
        place = folder / f"camera {number // PICTURES_IN_A_FOLDER:04d}"
        place.mkdir(exist_ok=True)
        broken = number % (n // N_BROKEN) == 0
        # Bytes after the end of a JPEG are ignored.
        content = b"no picture" if broken else contents[number % len(contents)] + b"%d" % number
        (place / f"{number:06d}.jpg").write_bytes(content)


def long_run(folder: Path, n_pictures: int, n_kills: int, command: Sequence[str]) -> LongRun:
    """Predict all pictures twice, once undisturbed and once with kills, and compare.

    Args:
        folder: An empty folder.
        n_pictures: The number of pictures.
        n_kills: The number of kills in the second run.
        command: `predict ADAPTER` with its options, as the arguments of a new process.
    """
    pictures, whole, killed = folder / "pictures", folder / "whole.csv", folder / "killed.csv"
    pictures.mkdir()
    draw_pictures(pictures, n_pictures)
    started, memory = time.monotonic(), dict[int, float]()

    def watch(process: subprocess.Popen[str], n_rows: int) -> bool:
        memory[n_rows] = _resident_mib(process.pid)
        return False

    _predict([*command, str(pictures), "--out", str(whole)], whole, watch)
    rng, n_done, output = np.random.default_rng(0), 0, ""
    ends = sorted(rng.choice(np.arange(1, n_pictures), n_kills, replace=False).tolist())
    for end in [*ends, n_pictures + 1]:

        def kill(process: subprocess.Popen[str], n_rows: int, end: int = end) -> bool:
            if n_rows < end:
                return False
            time.sleep(float(rng.uniform(0, 0.2)))
            process.send_signal(signal.SIGKILL)
            return True

        was_killed, output = _predict([*command, str(pictures), "--out", str(killed)], killed, kill)
        n_done += was_killed
    with killed.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        rows = Counter(row["path"] for row in table if not row["unreadable_reason"])
    expected = n_pictures - len(range(0, n_pictures, n_pictures // N_BROKEN))
    warm = [mib for n, mib in memory.items() if n >= WARM * n_pictures]
    unreadable = re.search(r"unreadable: (\d+)", output)
    return LongRun(
        n_pictures,
        n_done,
        expected - len(rows),
        sum(count - 1 for count in rows.values()),
        killed.read_bytes() == whole.read_bytes(),
        int(unreadable[1]) if unreadable else 0,
        warm[0],
        max(warm),
        round(time.monotonic() - started, 1),
    )


def _predict(
    command: Sequence[str], table: Path, look: Callable[[subprocess.Popen[str], int], bool]
) -> tuple[bool, str]:
    """Run a command, and call `look` whenever rows were added.

    Args:
        command: The command.
        table: The file that it writes.
        look: Receives the process and the number of rows; returns True if it killed the process.

    Returns:
        Whether the process was killed, and its output.
    """
    said = table.with_name("said")
    unfinished = table.with_name(f"{table.name}.partial")
    with said.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, text=True)
        n_rows, n_bytes = 0, 0
        while process.poll() is None:
            time.sleep(0.02)
            try:
                size = unfinished.stat().st_size
            except FileNotFoundError:
                continue
            if size > n_bytes:
                n_bytes = size
                with unfinished.open("rb") as opened:
                    n_rows = sum(
                        chunk.count(b"\n") for chunk in iter(lambda: opened.read(2**20), b"")
                    )
                if look(process, n_rows):
                    break
        code = process.wait()
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"{command} ended with {code}: {said.read_text()[-600:]}")
    return code != 0, said.read_text()


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> int:
    """Run with the encoder `tiny-128`, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=16)
    parser.add_argument("--folder", type=Path, help="folder to work in; a temporary one by default")
    options = parser.parse_args()
    program = [sys.executable, "-m", "metaadapter"]
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder, labelled = Path(place), Path(place) / "labelled"
        rng = np.random.default_rng(1)
        for label, colour in COLOURS.items():
            (labelled / label).mkdir(parents=True)
            for number in range(4):
                pixels = np.array(colour) + rng.integers(-20, 21, (48, 64, 3))
                picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
                picture.save(labelled / label / f"{number}.jpg")
        adapter = str(folder / "adapter")
        look = ["--encoder", "tiny-128,zoom=no,blocks=joint", "--quiet"]
        adapt = [*program, "adapt", str(labelled), "--out", adapter, *look]
        subprocess.run(adapt, check=True, stdout=subprocess.DEVNULL)
        found = long_run(folder, options.pictures, options.kills, [*program, "predict", adapter])
    print(json.dumps({"schema": "metaadapter.long_run/1", **found._asdict()}, indent=2))
    return int(found.failed)


if __name__ == "__main__":
    sys.exit(main())
