"""The memory that `encode` takes above the program itself, for ten and a hundred thousand pictures.

python -m benchmarks.encode_memory [N …] [--json]

The pictures are tiny and all different, in a tar file; the encoder is cheap, with features of
16 numbers, so that the figure is that of the bookkeeping. Each size is measured in its own process.
A million pictures (N = 1000000) take about ten minutes.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from metaadapter.bench.evaluation.cost import peak_mib, reset_peak
from metaadapter.data.reader import read_images
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.encode_to_store import encode_to_store

SIZES = (10_000, 100_000)
SIDE, DIM = 16, 16


class CheapEncoder(ImageEncoder):
    """Mean colours, as features of 16 numbers."""

    name, templates, logit_scale = "cheap", ("{}",), 50.0
    device = torch.device("cpu")
    fingerprint = Fingerprint("cheap", "none", DIM, False, "0" * 16, (0.0,) * 32)

    def preprocess(self, picture: Image.Image) -> Tensor:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255

    def encode_pixels(self, batch: Tensor) -> Tensor:
        colours = torch.nn.functional.pad(batch.mean((2, 3)), (0, DIM - 3), value=1.0)
        return torch.nn.functional.normalize(colours, dim=-1)

    def encode_texts(self, names: Sequence[str]) -> np.ndarray:
        return np.full((len(names), DIM), DIM**-0.5, np.float32)


def measure(sizes: Sequence[int] = SIZES) -> dict[str, float]:
    """MiB above the process before it lists pictures, and pictures per second, for each size."""
    figures = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pictures.tar"
            write_pictures(file, size)
            command = [sys.executable, "-m", "benchmarks.encode_memory", "--file", str(file)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        mib, seconds = json.loads(done.stdout)
        figures[f"mib_of_{size}_pictures"] = mib
        figures[f"pictures_per_second_of_{size}"] = size / seconds
    return figures


def measure_file(file: Path) -> tuple[float, float]:
    """MiB above this process, and seconds, to encode a tar file into a store beside it."""
    before, started = reset_peak(CheapEncoder.device), time.monotonic()
    encode_to_store(read_images(file), CheapEncoder(), file.with_name("store"), batch_size=64)
    mib = peak_mib(CheapEncoder.device, before)
    if mib is None:
        raise OSError("the memory of a process is read from /proc, which this system does not have")
    return mib, time.monotonic() - started


def write_pictures(file: Path, n_pictures: int) -> None:
    """Write a tar file of tiny PNG pictures in ten classes, all of different bytes."""
    with tarfile.open(file, "w") as tar:
        for number in range(n_pictures):
            content = tiny_png(number)
            member = tarfile.TarInfo(f"class {number % 10}/{number}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def tiny_png(number: int) -> bytes:
    """The file of a picture of one colour, which is the number."""
    colour = number.to_bytes(3, "big")
    pixels = zlib.compress(b"".join(b"\0" + colour * SIDE for _ in range(SIDE)), 1)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode_memory")
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, metavar="N")
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.file:
        print(json.dumps(measure_file(options.file)))
        return
    figures = measure(options.sizes)
    if options.json:
        print(json.dumps({"schema": "metaadapter.bench.encode_memory/1", **figures}))
        return
    for name, value in figures.items():
        print(f"{name:36} {value:10,.1f}")


if __name__ == "__main__":
    main()
