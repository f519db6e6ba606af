"""`predict` and `adapt` with the boxes of a detector, series, and files for other programs."""

from __future__ import annotations

import csv
import functools
import json
import shutil
from datetime import datetime, timedelta
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from metaadapter.adapter.files import load_adapter

COLOURS = {"heron": (40, 90, 200), "lynx": (200, 170, 90), "red_fox": (220, 70, 20)}
BOX = [0.5, 0.25, 0.25, 0.5]
START = datetime(2025, 5, 4, 6)


def draw(path, label, seconds=None):
    """A grey frame with a patch of the colour of a class in `BOX`."""
    rng = np.random.default_rng(crc32("/".join(path.parts[-2:]).encode()))
    pixels = 90 + rng.integers(-8, 9, (64, 128, 3))
    if label:
        pixels[16:48, 64:96] = np.array(COLOURS[label]) + rng.integers(-20, 21, (32, 32, 3))
    exif = Image.Exif()
    if seconds is not None:
        time = START + timedelta(seconds=seconds)
        exif.get_ifd(0x8769)[0x9003] = time.strftime("%Y:%m:%d %H:%M:%S")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, exif=exif)


def detected(*boxes, file="", **more):
    detections = [{"category": kind, "conf": conf, "bbox": box} for kind, conf, box in boxes]
    return {"file": file, "detections": detections, **more}


@pytest.fixture(scope="module")
def trap(tmp_path_factory):
    """Labelled frames, frames of two cameras, and detections of both."""
    folder = tmp_path_factory.mktemp("trap")
    animal, low, person = ("1", 0.9, BOX), ("1", 0.1, [0, 0, 0.1, 0.1]), ("2", 0.8, [0, 0, 0.3, 1])
    labelled = []
    for label in COLOURS:
        for number in range(2):
            draw(folder / "labelled" / label / f"{number}.jpg", label)
            labelled.append(detected(low, animal, file=f"{label}/{number}.jpg"))
    frames = {
        "brook/1.jpg": ("lynx", 0, detected(animal, low)),
        "brook/2.jpg": ("lynx", 2, detected(animal)),
        "brook/3.jpg": ("", 4, detected(low)),
        "brook/4.jpg": ("red_fox", 900, detected(person, animal)),
        "meadow/1.jpg": ("heron", 1, detected(animal, animal)),
        "meadow/2.jpg": ("heron", 5, detected(failure="broken file") | {"detections": None}),
        "meadow/3.jpg": ("heron", 9, None),
    }
    for name, (label, seconds, _) in frames.items():
        draw(folder / "frames" / name, label, seconds)
    shown = [image | {"file": name} for name, (_, _, image) in frames.items() if image]
    for name, images in (("labelled", labelled), ("frames", shown)):
        document = {
            "info": {"format_version": "1.5", "detector": "md_v5a.0.0.pt"},
            "detection_categories": {"1": "animal", "2": "person"},
            "images": images,
        }
        (folder / f"{name}.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def animals(trap, adapt, tmp_path):
    out = tmp_path / "animals"
    done = adapt(trap / "labelled", "--detections", trap / "labelled.json", out=out)
    assert done.code == 0, done.err
    return out


@pytest.fixture
def ask(trap, run, animals):
    """`predict` of the frames of both cameras, with their detections."""
    return functools.partial(
        run, "predict", animals, trap / "frames", "--detections", trap / "frames.json"
    )


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_predict__detections__answers_for_each_box_and_tells_of_each_frame(ask, trap):
    done = ask("--json")

    answers = {}
    for row in done.document["predictions"]:
        name = row["path"].removeprefix(f"{trap / 'frames'}/")
        answers.setdefault(name, []).append((row["label"], row.get("detected"), row.get("box")))
    assert answers == {
        "brook/1.jpg": [("lynx", "animal", BOX)],
        "brook/2.jpg": [("lynx", "animal", BOX)],
        "brook/3.jpg": [("empty", None, None)],
        "brook/4.jpg": [("red_fox", "animal", BOX), ("person", "person", [0, 0, 0.3, 1])],
        "meadow/1.jpg": [("heron", "animal", BOX)] * 2,
    }
    assert sorted(entry["reason"] for entry in done.document["quarantined"]) == [
        f"{trap / 'frames.json'} does not have it",
        "the detector reports: broken file",
    ]


@pytest.mark.parametrize("options", [(), ("--burst", 10)])
def test_predict__whole_frames_by_an_adapter_of_boxes__warns(ask, trap, run, animals, options):
    warned = "the adapter was predicted from boxes and these pictures are whole"

    assert warned in run("predict", animals, trap / "frames", *options).err
    assert warned not in ask(*options).err


def test_adapt__whole_frames__cuts_out_what_stands_out(trap, run, tmp_path):
    for label in COLOURS:
        shutil.copytree(trap / "labelled" / label, tmp_path / "labelled" / label)
    for number in range(2):
        draw(tmp_path / "labelled" / "empty" / f"{number}.jpg", "")
    out = tmp_path / "whole"

    done = run("adapt", tmp_path / "labelled", "--out", out)
    answers = run("predict", out, trap / "frames", "--json").document
    export = run("export", out, "--onnx", tmp_path / "whole.onnx", "--pixels")
    inside = run("adapt", tmp_path / "labelled", "--inside", "bottleneck", "--out", tmp_path / "in")

    assert done.code == 0, done.err
    assert load_adapter(out).config.origin.encoder == answers["encoder"] == "salient:tiny"
    assert len(answers["predictions"]) == 7
    assert "cuts out a part of each picture" in export.err
    assert "--encoder tiny" in export.err
    assert inside.code == 0, inside.err
    assert load_adapter(tmp_path / "in").config.origin.encoder == "tiny"


def test_predict__box__is_answered_as_its_crop_in_a_manifest(ask, trap, run, animals, tmp_path):
    whole = ask("--json").document["predictions"][0]
    manifest = tmp_path / "boxes.csv"
    manifest.write_text(
        "path,box_left,box_top,box_width,box_height\n"
        f"{trap / 'frames/brook/1.jpg'},{','.join(map(str, BOX))}\n"
    )

    alone = run("predict", animals, manifest, "--json").document["predictions"][0]

    assert alone["probabilities"] == pytest.approx(whole["probabilities"], abs=1e-6)


def test_predict__species_of_speciesnet__are_evidence_and_stand_for_the_rest_of_the_fauna(
    run, animals, tmp_path
):
    folder, package, exported = tmp_path / "night", tmp_path / "package", tmp_path / "m.json"
    draw(folder / "1.jpg", "lynx", seconds=0)
    draw(folder / "2.jpg", "", seconds=900)  # the box shows none of the classes
    bobcat = "u;mammalia;carnivora;felidae;lynx;rufus;bobcat"
    raccoon = "v;mammalia;carnivora;procyonidae;procyon;lotor;northern raccoon"
    predictions = [
        {
            "filepath": f"{number}.jpg",
            "detections": [
                {
                    **{"category": "1", "label": "animal", "conf": 0.9, "bbox": BOX},
                    "raw_classifications": {"classes": [label], "scores": [0.97]},
                }
            ],
        }
        for number, label in ((1, bobcat), (2, raccoon))
    ]
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps({"predictions": predictions}))

    ask = functools.partial(run, "predict", animals, folder, "--json", "--detections", file)
    with_species = ask("--export", f"camtrap-dp:{package}", "--export", f"megadetector:{exported}")
    elsewhere = ask("--allowed", "lynx").document["predictions"]

    lynx, other = with_species.document["predictions"]
    assert (lynx["label"], lynx["source"]) == ("lynx", "adapter")
    assert (other["label"], other["source"]) == ("northern raccoon", "SpeciesNet")
    assert {row["label"] for row in elsewhere} <= {*COLOURS}
    observed = {row["scientificName"]: row for row in rows_of(package / "observations.csv")}
    assert observed["Procyon lotor"]["classifiedBy"] == "SpeciesNet"
    assert observed["Lynx"]["classifiedBy"].startswith("metaadapter ")
    named = json.loads(exported.read_text())["classification_categories"].values()
    assert "northern raccoon" in named
    assert "SpeciesNet has no label" not in with_species.err


def test_predict__all_files_at_once__agree_with_one_another(ask, trap, tmp_path):
    names = ("a.csv", "t.csv", "m.json", "package")
    table, timelapse, megadetector, package = (tmp_path / name for name in names)

    places = {"timelapse": timelapse, "megadetector": megadetector, "camtrap-dp": package}
    exports = [word for kind, place in places.items() for word in ("--export", f"{kind}:{place}")]
    done = ask("--out", table, "--burst", 10, *exports)

    assert done.code == 0
    rows = rows_of(table)
    assert [row["label"] for row in rows] == [
        *("lynx", "lynx", "empty", "red_fox", "person", "heron", "heron", "", "")
    ]
    assert [row["box_left"] for row in rows[:3]] == ["0.5", "0.5", ""]
    species = [(row["RelativePath"], row["File"], row["Species"]) for row in rows_of(timelapse)]
    assert species[0] == ("brook", "1.jpg", "lynx")
    assert [row[2] for row in species] == ["lynx", "lynx", "empty", "red_fox,person", "heron"]
    document = json.loads(megadetector.read_text())
    assert len(document["images"]) == 7
    assert sum(image["detections"] is None for image in document["images"]) == 2
    kinds = {"media": [], "event": []}
    for row in rows_of(package / "observations.csv"):
        kinds[row["observationLevel"]].append(row["observationType"])
    assert kinds["media"][:5] == ["animal", "animal", "blank", "animal", "human"]
    assert kinds["event"] == ["animal", "animal", "human", "animal"]
    assert "2 camera(s) have no latitude" in done.err


def test_predict__unreadable_frames__are_rows_with_the_reason_that_adapt_skips(
    ask, adapt, trap, animals, tmp_path
):
    table = tmp_path / "a.csv"
    ask("--out", table)

    reasons = {row["path"]: row["unreadable_reason"] for row in rows_of(table)}
    assert {path.rpartition("/")[2]: reason for path, reason in reasons.items() if reason} == {
        "2.jpg": "the detector reports: broken file",
        "3.jpg": f"{trap / 'frames.json'} does not have it",
    }
    assert adapt(table).code == 0
    ask("--out", table, "--sort", "sure", "--top", 1)
    assert [row["label"] for row in rows_of(table)][1:] == ["", ""]


@pytest.mark.parametrize(
    ("more", "code", "reason"),
    [
        ("--allowed lynks", 2, "did you mean 'lynx'"),
        ("--detections labelled.json", 3, "has none of the 7 pictures"),
        ("--detections frames.json --export timelapse:missing/t.csv", 3, "there is no folder"),
    ],
)
def test_predict__options_that_do_not_fit__are_told_at_once(
    run, trap, animals, monkeypatch, more, code, reason
):
    monkeypatch.chdir(trap)

    done = run("predict", animals, "frames", *more.split())

    assert done.code == code
    assert reason in done.err


def test_adapt__detections__sees_the_surest_box_and_tells_of_frames_without(trap, adapt, tmp_path):
    for label in COLOURS:
        draw(tmp_path / "more" / label / "0.jpg", label)
    document = json.loads((trap / "labelled.json").read_text())
    document["images"] = [image for image in document["images"] if "lynx" not in image["file"]]
    detections = tmp_path / "more.json"
    detections.write_text(json.dumps(document))

    done = adapt(tmp_path / "more", "--detections", detections)
    refused = adapt(tmp_path / "more", "--detections", detections, "--min-confidence", 0.95)

    assert done.code == 0
    message = "1 labelled pictures have no box of an animal and are used as a whole: 1 of 'lynx'"
    assert message in done.err
    assert refused.code == 3
    assert "lower --min-confidence" in refused.err


def pool_of(adapt, trap, out, *more):
    adapted = adapt(trap / "labelled", "--unlabelled", *more, "--json", out=out)
    assert adapted.code == 0, adapted.err
    return adapted, load_adapter(out).support.pool_TUD[0]


def test_adapt__detections_and_unlabelled__pool_has_the_boxes_of_the_frames(trap, adapt, tmp_path):
    labelled, frames = trap / "labelled.json", trap / "frames"
    boxes = ("--detections", labelled, "--detections", trap / "frames.json")
    listed = tmp_path / "boxes.csv"
    names = ("brook/1", "brook/2", "brook/4", "meadow/1")
    listed.write_text(
        "path,box_left,box_top,box_width,box_height\n"
        + "".join(f"{frames}/{name}.jpg,{','.join(map(str, BOX))}\n" for name in names)
    )

    done, pool = pool_of(adapt, trap, tmp_path / "boxed", frames, *boxes)
    _, by_hand = pool_of(
        adapt, trap, tmp_path / "by_hand.adapter", listed, "--detections", labelled
    )

    assert pool.tolist() == by_hand.tolist()
    warnings = done.document["warnings"]
    assert any("2 unlabelled pictures have no box of an animal" in text for text in warnings)
    assert any("1 unlabelled pictures are left out, because" in text for text in warnings)


def test_adapt__corrected_table_with_two_species_in_a_frame__takes_each_box_with_its_label(
    ask, adapt, run, trap, tmp_path
):
    table, out = tmp_path / "a.csv", tmp_path / "again"
    ask("--out", table)
    fox, person = (row for row in rows_of(table) if row["path"].endswith("brook/4.jpg"))
    with table.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, fox)
        writer.writeheader()
        writer.writerows([fox, person | {"label": "lynx"}])

    done = adapt(table, out=out)

    assert done.code == 0, done.err
    answers = run("predict", out, table, "--json").document["predictions"]
    assert [row["label"] for row in answers] == ["red_fox", "lynx"]
