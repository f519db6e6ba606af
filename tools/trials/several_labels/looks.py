# ruff: noqa
"""Pictures with an object and a look: python attributes.py DATA SETS, DATA with the unpacked archives."""

import csv, sys
from pathlib import Path
import numpy as np
from PIL import Image, ImageFilter, ImageOps, ImageEnhance

data, sets = Path(sys.argv[1]), Path(sys.argv[2])
LOOKS = {
    "black and white": lambda p: ImageOps.grayscale(p).convert("RGB"),
    "dark": lambda p: ImageEnhance.Brightness(p).enhance(0.25),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(min(p.size) / 30)),
    "drawing": lambda p: ImageOps.invert(
        ImageOps.grayscale(p).filter(ImageFilter.FIND_EDGES)
    ).convert("RGB"),
    "red": lambda p: ImageOps.colorize(ImageOps.grayscale(p), "black", "red"),
    "upside down": ImageOps.flip,
    "noise": lambda p: Image.fromarray(
        (np.asarray(p) + np.random.default_rng(p.size[0]).normal(0, 45, (p.height, p.width, 3)))
        .clip(0, 255)
        .astype(np.uint8)
    ),
}
for folder, out, n, seed in (
    ("caltech101-train", "tr-cal-looks", 900, 21),
    ("tiny-imagenet-train", "tr-tiny-looks", 900, 22),
    ("trashnet6.large", "tr-trash-looks", 500, 23),
):
    rng = np.random.default_rng(seed)
    files = sorted([*(data / folder).rglob("*.jpg"), *(data / folder).rglob("*.png")])
    (sets / out).mkdir(parents=True, exist_ok=True)
    rows = []
    from metaadapter.features.prompts import readable_name

    for i, k in enumerate(rng.permutation(len(files))[:n]):
        looks = [
            str(l)
            for l in rng.choice(list(LOOKS), size=rng.choice(3, p=(0.3, 0.5, 0.2)), replace=False)
        ]
        picture = Image.open(files[k]).convert("RGB")
        for look in looks:
            picture = LOOKS[look](picture)
        picture.save(sets / out / f"{i:04d}.jpg", quality=90)
        rows.append(
            (
                f"{i:04d}.jpg",
                "|".join([readable_name(files[k].parent.name).replace("|", " "), *looks]),
            )
        )
    with open(sets / out / "manifest.csv", "w", newline="") as h:
        csv.writer(h).writerows([("path", "label"), *rows])
