# ruff: noqa: ANN001, ANN202
"""Which fraction of pictures that were saved again counts as near copies in an evaluation.

Usage: python -m tools.trials.saved_again PICTURES
"""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn.functional import normalize

from metaadapter.bench.evaluation.near_copies import NEAR
from metaadapter.features.encoder import FrozenEncoder

SETS, N_CLASSES, N_EACH = ("caltech101-val", "tiny-imagenet-val"), 12, 6


def saved(picture, quality):
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue())).convert("RGB")


def cropped(picture):
    width, height = picture.size
    return picture.crop((width // 100, height // 100, width * 99 // 100, height * 99 // 100))


CHANGES = {
    "JPEG, quality 95": lambda picture: saved(picture, 95),
    "JPEG, quality 75": lambda picture: saved(picture, 75),
    "JPEG, quality 50": lambda picture: saved(picture, 50),
    "cropped to 98 %": cropped,
    "mirrored": ImageOps.mirror,
    "half the size": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
}


def main(folder: Path) -> None:
    torch.set_num_threads(2)
    encoder = FrozenEncoder.load("tiny")

    def encoded(pictures):
        return normalize(torch.as_tensor(np.asarray(encoder.encode_images(pictures))).float())

    for name in SETS:
        random.seed(0)
        classes = sorted(place for place in (folder / name).iterdir() if place.is_dir())
        pictures, labels = [], []
        for number, place in enumerate(classes[:N_CLASSES]):
            files = random.sample(sorted(place.rglob("*.*")), N_EACH)
            pictures += [Image.open(file).convert("RGB") for file in files]
            labels += [number] * N_EACH
        rows, numbers = encoded(pictures), torch.tensor(labels)
        same = (numbers[:, None] == numbers) & ~torch.eye(len(numbers), dtype=torch.bool)
        usual = torch.cdist(rows, rows).square()[same].median()
        for change, function in CHANGES.items():
            moved = (encoded([function(picture) for picture in pictures]) - rows).square().sum(-1)
            print(name, f"{change}: {100 * float((moved <= NEAR * usual).float().mean()):.0f} %")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
