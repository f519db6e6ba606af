"""The script of examples/coop, on small pictures in the layout of CoOp's data sets."""

from __future__ import annotations

import csv
import json
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.features.store.feature_store import FeatureStore
from tests.small_pictures import load_each_encoder_once, write_encoder  # noqa: F401

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "caltech-101": "101_ObjectCategories",
    "oxford_pets": "images",
    "stanford_cars": "cars_train",
    "oxford_flowers": "jpg",
    "food-101": "images",
    "sun397": "SUN397",
    "dtd": "images",
    "eurosat": "2750",
    "ucf101": "UCF-101-midframes",
}
TENCH, CRANE = "n01440764", "n02012849"
VARIANTS = ("707-320", "F/A-18")
N_OF_SPLIT = {"train": 2, "val": 1, "test": 2}


@pytest.fixture
def script():
    return runpy.run_path(str(ROOT / "examples" / "coop" / "run.py"))["main"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("encoder"), seed=0)


@pytest.fixture
def data(tmp_path):
    """All eleven sets, with two classes of two training and two test pictures."""
    draw = np.random.default_rng(0)

    def paint(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file, "PNG")

    folder = tmp_path / "data"
    sets = tomllib.loads((ROOT / "configs/eval/coop_sets.toml").read_text(encoding="utf-8"))
    for facts in sets.values():
        if facts["folder"] not in FOLDERS:
            continue
        own, split = folder / facts["folder"], {}
        for name, n in N_OF_SPLIT.items():
            files = [(f"{name}_{c}_{i}.jpg", c) for c in (0, 1) for i in range(n)]
            split[name] = [[file, c, ("red_fox", "lynx")[c]] for file, c in files]
            for file, _ in files:
                paint(own / FOLDERS[facts["folder"]] / file)
        (own / facts["list"]).write_text(json.dumps(split))
    for name in ("train", "val"):
        for number in (TENCH, CRANE):
            for i in range(2):
                paint(folder / "imagenet" / "images" / name / number / f"{number}_{i}.JPEG")
    (folder / "imagenet" / "classnames.txt").write_text(f"{TENCH} tench\n{CRANE} crane\n")
    aircraft = folder / "fgvc_aircraft"
    for name, n in N_OF_SPLIT.items():
        variants = [(f"{name}{c}{i}", v) for c, v in enumerate(VARIANTS) for i in range(n)]
        for file, _ in variants:
            paint(aircraft / "images" / f"{file}.jpg")
        lines = [f"{file} {variant}\n" for file, variant in variants]
        (aircraft / f"images_variant_{name}.txt").write_text("".join(lines))
    (aircraft / "variants.txt").write_text("\n".join(VARIANTS))
    return folder


FEW = ("--methods", "zero-shot,closed-form", "--seeds", "1", "--jobs", "1", "--quiet")


def test_script__all_sets_in_coops_layout__are_encoded_and_measured(
    script,
    data,
    clip,
    tmp_path,
):
    out = tmp_path / "out"

    code = script([str(data), "--out", str(out), "--encoder", str(clip), "--shots", "1", *FEW])

    assert code == 0
    stores = {path.name: FeatureStore.open(path) for path in (out / "stores").iterdir()}
    sets = tomllib.loads((ROOT / "configs/eval/coop_sets.toml").read_text(encoding="utf-8"))
    assert {name: store.header.templates for name, store in stores.items()} == {
        name: (facts["template"],) for name, facts in sets.items()
    }
    assert not any(store.origin.zoom for store in stores.values())
    assert stores["imagenet"].classes == (f"{TENCH} tench", f"{CRANE} crane")
    assert stores["fgvc_aircraft"].classes == VARIANTS
    with (out / "run" / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["store"] for row in rows} == set(sets)
    assert (out / "run" / "report.html").exists()


def test_script__draws_of_2sfs__are_the_labelled_pictures(
    script,
    data,
    clip,
    tmp_path,
    capsys,
):
    out = tmp_path / "out"
    pictures = {
        ("oxford_pets", 1): {"red_fox": "images/train_0_0.jpg", "lynx": "images/train_1_0.jpg"},
        ("oxford_pets", 2): {"red_fox": "images/train_0_1.jpg", "lynx": "images/train_1_1.jpg"},
        ("imagenet", 1): {
            name: f"images/train/{number}/{number}_1.JPEG"
            for name, number in (("tench", TENCH), ("crane", CRANE))
        },
    }
    for (folder, seed), chosen in pictures.items():
        lines = [
            {"_impath": f"{folder}/{path}", "_label": c, "_domain": 0, "_classname": name}
            for c, (name, path) in enumerate(chosen.items())
        ]
        file = data / folder / "split_fewshot" / f"shot_1-seed_{seed}_train.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    code = script([str(data), "--out", str(out), "--encoder", str(clip), "--2sfs", *FEW])

    assert code == 0
    assert "left out: dtd, because there is no " in capsys.readouterr().err
    support = FeatureStore.open(out / "shot_1" / "oxford_pets-seed_2")
    assert sorted(Path(picture.path).name for picture in support.rows.pictures()) == [
        "train_0_1.jpg",
        "train_1_1.jpg",
    ]
    assert support.header.templates == ("a photo of a {}.",)
    with (out / "run-1-shot" / "rows.csv").open(encoding="utf-8") as file:
        sets = {row["store"] for row in csv.DictReader(file)}
    assert sets == {f"{folder}-seed_{seed}@{folder}" for folder, seed in pictures}
