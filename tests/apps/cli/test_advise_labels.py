"""`doctor --advise PICTURES --label N`: which pictures to label."""

from __future__ import annotations

import csv
import functools
import json
import re
import shlex

import pytest
from PIL import Image

COLOURS = {"heron": (40, 90, 200), "lynx": (200, 170, 90), "red_fox": (220, 70, 20)}
BOX = [0.25, 0.25, 0.5, 0.5]


@pytest.fixture
def season(tmp_path):
    """Twelve frames of three animals without labels, two empty ones, and a file of their boxes."""
    images = []
    for number in range(14):
        name = f"{'brook' if number % 2 else 'meadow'}/{number}.png"
        path = tmp_path / "frames" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = [*COLOURS.values()][number % 3] if number < 12 else (90, 90, 90)
        Image.new("RGB", (64, 64), tuple(level + number for level in colour)).save(path)
        boxes = [{"category": "1", "conf": 0.9, "bbox": BOX}] if number < 12 else []
        images.append({"file": name, "detections": boxes})
    categories = {"1": "animal"}
    document = {"info": {}, "detection_categories": categories, "images": images[:-1]}
    (tmp_path / "frames.json").write_text(json.dumps(document))
    return tmp_path


@pytest.fixture
def advise(run, season, encoder):
    return functools.partial(
        run, "doctor", "--advise", season / "frames", "--encoder", encoder, "--label"
    )


def test_label__detections__chooses_boxes_of_each_kind_and_an_empty_frame(advise, season, run):
    table = season / "label.csv"

    done = advise(6, "--detections", season / "frames.json", "--out", table)

    assert done.code == 0, done.err
    with table.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 6
    kinds = [int(row["path"].split("/")[-1][:-4]) % 3 for row in rows[:3]]
    assert sorted(kinds) == [0, 1, 2]
    assert [row["probably"] for row in rows] == [""] * 5 + ["empty"]
    assert [float(rows[0][f"box_{side}"]) for side in ("left", "top", "width", "height")] == BOX
    assert rows[-1]["path"].endswith("meadow/12.png")
    assert "1 frames are left out" in done.err
    assert "fill in its column label" in done.err


def test_label__frames_of_a_camera_trap__are_compared_by_what_stands_out(run, season):
    exif = Image.Exif()
    exif[0x010F] = "RECONYX"
    for path in (season / "frames").rglob("*.png"):
        Image.open(path).save(path.with_suffix(".jpg"), exif=exif)
        path.unlink()

    ask = functools.partial(run, "doctor", "--advise", season / "frames", "--label", 3, "--json")

    assert ask().document["encoder"] == "salient:tiny"
    assert ask("--encoder", "tiny").document["encoder"] == "tiny"


def test_label__table_filled_in__is_read_by_adapt(advise, season, run, tmp_path, encoder):
    table, names = season / "label.csv", [*COLOURS]
    chosen = advise(7, "--detections", season / "frames.json", "--out", table)
    with table.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        row["label"] = row["probably"] or names[int(row["path"].split("/")[-1][:-4]) % 3]
    with table.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    (following,) = re.findall(r"next: metaadapter (.+) --out ADAPTER", chosen.err)
    words = shlex.split(following)
    done = run(*words, "--out", tmp_path / "animals", "--encoder", encoder, "--json")

    assert done.code == 0, done.err
    assert done.document["unlabelled"]["n"] == 6  # the other boxes
    assert sum(done.document["counts"].values()) == 7
    assert set(done.document["counts"]) == {*names, "empty"}


def test_label__table_with_labels__is_never_replaced(advise, season):
    table = season / "label.csv"
    advise(3, "--out", table)
    again = advise(3, "--out", table)
    filled = table.read_bytes().replace(b".png,,", b".png,lynx,", 1)
    table.write_bytes(filled)

    refused = advise(3, "--out", table)

    assert again.code == 0, again.err
    assert refused.code == 3
    assert "would be overwritten" in refused.err
    assert table.read_bytes() == filled
