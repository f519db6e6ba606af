"""Draws the frames of two cameras, and the boxes that a detector would have found in them.

No real pictures: they stand in for yours, so that every command of this folder can be tried. Deer
and foxes, in winter also boars, are drawn by hand-made outlines on a noisy meadow, in series of
three frames, by day and in the grey of infrared; some series are empty, and a branch at the second
camera is found in every frame. Run it in this folder, or name another one and a season, spring or
winter: python draw.py [FOLDER [SEASON]]
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

WIDTH, HEIGHT = 480, 360
# Outlines in a square of side 1, and the colour by day.
OUTLINES = {
    "deer": (
        (150, 105, 60),
        [
            [(0.25, 0.45), (0.75, 0.42), (0.80, 0.60), (0.25, 0.62)],
            [(0.28, 0.60), (0.33, 0.60), (0.33, 1.00), (0.29, 1.00)],
            [(0.40, 0.60), (0.45, 0.60), (0.44, 1.00), (0.40, 1.00)],
            [(0.66, 0.58), (0.71, 0.58), (0.72, 1.00), (0.68, 1.00)],
            [(0.75, 0.58), (0.80, 0.58), (0.79, 1.00), (0.75, 1.00)],
            [(0.25, 0.48), (0.10, 0.20), (0.17, 0.16), (0.34, 0.45)],
            [(0.18, 0.15), (0.00, 0.24), (0.02, 0.30), (0.17, 0.27)],
            [(0.15, 0.17), (0.08, 0.00), (0.11, 0.00), (0.18, 0.16)],
            [(0.17, 0.17), (0.22, 0.00), (0.25, 0.01), (0.20, 0.17)],
        ],
    ),
    "fox": (
        (205, 95, 35),
        [
            [(0.25, 0.55), (0.68, 0.52), (0.72, 0.70), (0.25, 0.72)],
            [(0.28, 0.70), (0.33, 0.70), (0.33, 0.88), (0.29, 0.88)],
            [(0.62, 0.68), (0.67, 0.68), (0.67, 0.88), (0.63, 0.88)],
            [(0.26, 0.58), (0.08, 0.50), (0.00, 0.62), (0.20, 0.70)],
            [(0.10, 0.52), (0.12, 0.38), (0.18, 0.52)],
            [(0.17, 0.54), (0.21, 0.40), (0.26, 0.56)],
            [(0.70, 0.55), (0.95, 0.62), (1.00, 0.74), (0.85, 0.76), (0.70, 0.65)],
        ],
    ),
    "boar": (
        (75, 60, 55),
        [
            [(0.20, 0.35), (0.45, 0.28), (0.80, 0.38), (0.88, 0.66), (0.30, 0.72), (0.16, 0.60)],
            [(0.24, 0.38), (0.02, 0.60), (0.00, 0.68), (0.06, 0.70), (0.24, 0.66)],
            [(0.22, 0.38), (0.24, 0.24), (0.30, 0.36)],
            [(0.30, 0.70), (0.37, 0.70), (0.36, 0.90), (0.31, 0.90)],
            [(0.74, 0.64), (0.82, 0.62), (0.82, 0.90), (0.76, 0.90)],
            [(0.86, 0.44), (0.95, 0.58), (0.92, 0.60), (0.84, 0.50)],
        ],
    ),
}
BRANCH = (0.05, 0.08, 0.30, 0.12)
FRAMES_OF_A_SERIES = 3


class Season(NamedTuple):
    """When the frames are taken, and how they look by day."""

    seed: int
    series: tuple[str, ...]  # what each shows
    start: datetime
    ground: tuple[int, int, int]
    sky: tuple[int, int, int]  # is added to the ground in the upper third
    grey_of_coats: float  # from 0, as in OUTLINES, to 1
    n_flakes: int


SEASONS = {
    "spring": Season(
        seed=0,
        series=("deer", "", "fox", "deer", "", "fox", "deer", "fox"),
        start=datetime(2025, 5, 4, 5),
        ground=(70, 105, 55),
        sky=(60, 40, 70),
        grey_of_coats=0.0,
        n_flakes=0,
    ),
    "winter": Season(
        seed=1,
        series=("fox", "boar", "deer", "", "boar", "deer", "boar", "fox"),
        start=datetime(2026, 1, 10, 5),
        ground=(200, 205, 215),
        sky=(-30, -30, -25),
        grey_of_coats=0.6,
        n_flakes=150,
    ),
}


def main(folder: Path, season: str = "spring") -> None:
    """Draw labelled frames and frames of two cameras; write detections of both, and shown.json."""
    look = SEASONS[season]
    rng = np.random.default_rng(look.seed)
    labelled, found, shown = [], [], {}
    for label in dict.fromkeys(filter(None, look.series)):
        for number in range(4):
            name = f"labelled/{label}/{number}.jpg"
            labelled.append(_frame(folder / name, name, label, None, rng, look, branch=False))
    for camera, branch in (("meadow", False), ("brook", True)):
        for series, label in enumerate(look.series):
            for number in range(FRAMES_OF_A_SERIES):
                time = look.start + timedelta(hours=3 * series, seconds=2 * number)
                name = f"{camera}/{series * FRAMES_OF_A_SERIES + number:04d}.jpg"
                path = folder / "frames" / name
                found.append(_frame(path, name, label, time, rng, look, branch=branch))
                shown[name] = label
    (folder / "shown.json").write_text(json.dumps(shown, indent=1), encoding="utf-8")
    for name, images in (("labelled", labelled), ("frames", found)):
        document = {
            "info": {"format_version": "1.5", "detector": "drawn, not detected"},
            "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
            "images": images,
        }
        text = json.dumps(document, indent=1)
        (folder / f"{name}.detections.json").write_text(text, encoding="utf-8")


def _frame(
    path: Path,
    name: str,
    label: str,
    time: datetime | None,
    rng: np.random.Generator,
    look: Season,
    *,
    branch: bool,
) -> dict[str, object]:
    """Draw a frame, and tell what a detector would say of it."""
    grass = rng.normal(0, 22, (HEIGHT, WIDTH, 1)) + np.array(look.ground)
    grass[: HEIGHT // 3] += np.array(look.sky)
    picture = Image.fromarray(grass.clip(0, 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
    pen, detections = ImageDraw.Draw(picture), []
    if branch:
        left, top, width, height = BRANCH
        corners = [(left, top), (left + width, top + height)]
        pen.line([(x * WIDTH, y * HEIGHT) for x, y in corners], fill=(60, 42, 25), width=14)
        box = [side + float(rng.normal(0, 0.002)) for side in BRANCH]
        detections.append(_detection(box, rng.uniform(0.25, 0.45)))
    if label:
        colour, outlines = OUTLINES[label]
        colour = _greyer(colour, look.grey_of_coats)
        side, left, top = rng.uniform(0.3, 0.45), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.5)
        turned = bool(rng.integers(2))
        for outline in outlines:
            points = [(1 - x if turned else x, y) for x, y in outline]
            where = [
                ((left + side * x) * WIDTH, top * HEIGHT + side * y * WIDTH) for x, y in points
            ]
            pen.polygon(where, fill=colour)
        box = [left, top, side, min(side * WIDTH / HEIGHT, 0.98 - top)]
        detections.append(_detection(box, rng.uniform(0.75, 0.98)))
    for x, y in rng.uniform(0, (WIDTH, HEIGHT), (look.n_flakes, 2)):
        pen.ellipse((x, y, x + 4, y + 4), fill=(245, 245, 250))
    if time is not None and not 6 <= time.hour < 20:
        picture = picture.convert("L").convert("RGB")
    exif = Image.Exif()
    if time is not None:
        exif.get_ifd(0x8769)[0x9003] = time.strftime("%Y:%m:%d %H:%M:%S")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=85, exif=exif)
    file = name if time is not None else name.removeprefix("labelled/")
    return {"file": file, "detections": detections}


def _greyer(colour: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    mean = sum(colour) / 3
    red, green, blue = (round(side + share * (mean - side)) for side in colour)
    return red, green, blue


def _detection(box: list[float], confidence: float) -> dict[str, object]:
    sides = [round(max(side, 0.0), 4) for side in box]
    return {"category": "1", "conf": round(float(confidence), 3), "bbox": sides}


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]), *sys.argv[2:])
