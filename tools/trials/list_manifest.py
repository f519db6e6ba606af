"""Trial: the processor time and memory of listing a manifest of a million pictures."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from metaadapter.data.reader import read_images

N_ROWS = 1_000_000


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        manifest = Path(name) / "manifest.csv"
        (Path(name) / "0.jpg").touch()
        rows = (f"{number}.jpg,class {number % 100}\n" for number in range(N_ROWS))
        manifest.write_text("path,label\n" + "".join(rows))
        before, started = peak(), time.process_time()
        table = read_images(manifest)
        seconds = time.process_time() - started
        print(
            f"{len(table.rows)} rows: {seconds:.1f} s, {peak() - before:.0f} MiB more at the peak"
        )
