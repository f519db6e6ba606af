"""The speed of encoding files into a store, relative to the encoder alone.

python -m benchmarks.encode_throughput [IMAGES] [--encoder NAME] [--json]

Forward passes on tensors in memory alternate with encoding from files, so that other load on the
machine slows both. Each encoding writes a new store; the picture files are in the disk cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

import metaadapter
from metaadapter.data.decode import decode_image
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.encoding_pipeline import fast_batch_size
from metaadapter.features.store.encode_to_store import encode_to_store

DEMO_PICTURES = Path(metaadapter.__file__).parent / "assets" / "demo" / "pictures"
N_PICTURES, REPEATS = 512, 5


def measure(
    images: Path = DEMO_PICTURES,
    encoder: FrozenEncoder | None = None,
    *,
    n_pictures: int = N_PICTURES,
    batch_size: int | None = None,
    workers: int | None = None,
    repeats: int = REPEATS,
) -> dict[str, float]:
    """Median pictures per second of the forward pass and of `encode`, and their median ratio.

    Each ratio compares two consecutive measurements.
    """
    encoder = encoder or FrozenEncoder.load()
    table = read_images(images)
    table = ImageTable(table.rows[:n_pictures], table.source)
    batch_size = fast_batch_size(encoder) if batch_size is None else batch_size
    if len(table.rows) < batch_size:
        raise DataError(
            f"{images} has {len(table.rows)} pictures; at least {batch_size} are needed"
        )
    pixels = [encoder.look(decode_image(row.path)) for row in table.rows]
    step = max(1, batch_size // len(pixels[0]))
    batches = [torch.stack(pixels[start : start + step]) for start in range(0, len(pixels), step)]
    encoder.encode_looks(batches[0])
    forward, encode = [], []
    for _ in range(repeats):
        forward.append(_forward_rate(encoder, batches))
        encode.append(_encode_rate(encoder, table, batch_size, workers))
    ratios = [whole / alone for alone, whole in zip(forward, encode, strict=True)]
    return {
        "forward_images_per_second": statistics.median(forward),
        "encode_images_per_second": statistics.median(encode),
        "encode_to_forward_ratio": statistics.median(ratios),
        "lowest_ratio": min(ratios),
        "highest_ratio": max(ratios),
    }


def _forward_rate(encoder: FrozenEncoder, batches: list[Tensor]) -> float:
    start = time.perf_counter()
    for batch in batches:
        encoder.encode_looks(batch)
    return sum(map(len, batches)) / (time.perf_counter() - start)


def _encode_rate(
    encoder: FrozenEncoder, table: ImageTable, batch_size: int, workers: int | None
) -> float:
    """Pictures per second with all steps: hashing, decoding, forward passes, texts, writing."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        report = encode_to_store(
            table, encoder, Path(folder), batch_size=batch_size, workers=workers
        )
        return report.n_total / (time.perf_counter() - start)


def main() -> None:
    """Measure, and print both figures and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encode_throughput")
    parser.add_argument("images", type=Path, nargs="?", default=DEMO_PICTURES)
    parser.add_argument("--encoder", default="tiny", metavar="NAME")
    parser.add_argument("--pictures", type=int, default=N_PICTURES, help="most pictures to encode")
    parser.add_argument("--batch-size", type=int, help="looks at a time")
    parser.add_argument("--workers", type=int, help="threads that read and encode")
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(
        options.images,
        FrozenEncoder.load(options.encoder),
        n_pictures=options.pictures,
        batch_size=options.batch_size,
        workers=options.workers,
        repeats=options.repeats,
    )
    if options.json:
        print(json.dumps({"schema": "metaadapter.bench.encode_throughput/1", **figures}))
        return
    print(f"forward alone  {figures['forward_images_per_second']:8.1f} pictures/s")
    print(f"whole encode   {figures['encode_images_per_second']:8.1f} pictures/s")
    print(
        f"ratio          {figures['encode_to_forward_ratio']:8.1%} "
        f"({figures['lowest_ratio']:.1%} … {figures['highest_ratio']:.1%} in {options.repeats} "
        f"turns; {torch.get_num_threads()} torch threads)"
    )


if __name__ == "__main__":
    main()
