"""Training and measuring of cross-modal adapters, on scenes of drawn shapes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from metaadapter.labs.grounding.maps import GroundingMaps
from metaadapter.labs.grounding.tokens import dense_size
from tests.random_networks import VIT, random_encoder
from tools.grounding.objective import grounding_losses
from tools.grounding.scene_set import SceneSet, coverage
from tools.grounding.tasks import (
    Asked,
)
from tools.measure_grounding import WholePictures
from tools.scenes.make import make_split
from tools.scenes.sources import ObjectClass, Source
from tools.train_grounding import new_adapter


@pytest.fixture(scope="module")
def encoder():
    return random_encoder(VIT, "vit", zoom=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight scenes of a square, a disc and a cross in plain colours."""
    data, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    classes = []
    for name in ("square", "disc", "cross"):
        shape = Image.new("RGBA", (64, 64))
        draw = ImageDraw.Draw(shape)
        draw.ellipse((4, 4, 60, 60), fill=(*rng.integers(0, 255, 3).tolist(), 255))
        shape.save(data / f"{name}.png")
        classes.append(ObjectClass(name, Source("drawn", "alpha"), (data / f"{name}.png",)))
    ground = data / "ground.png"
    Image.new("RGB", (64, 64), (120, 140, 150)).save(ground)
    make_split("train", classes, [ground], 8, 0.0, 0, data / "scenes")
    return data / "scenes"


@pytest.fixture(scope="module")
def scenes(folder, encoder):
    return SceneSet.of(folder, "train", encoder, dense_size(encoder), folder / "tokens")


def test_losses_vanish_where_everything_is_right():
    box = torch.tensor([[0.25, 0.25, 0.75, 0.75]])
    inside = coverage(box[0].tolist(), 4, 4)[None]
    present = torch.tensor([True])
    heat, sure = torch.where(inside > 0, 30.0, -30.0), torch.tensor([30.0])
    right = GroundingMaps(heat, box.expand(1, 4, 4, 4), sure)
    wrong = GroundingMaps(-heat, 1 - box.flip(1).expand(1, 4, 4, 4) + 0.3, -sure)

    good, bad = (grounding_losses(maps, box, inside, present) for maps in (right, wrong))

    assert float(good.place) == pytest.approx(0, abs=1e-4)
    assert float(good.box) == pytest.approx(0, abs=1e-4)
    assert float(good.spread) == pytest.approx(np.log(4), abs=1e-4)  # even over four places
    assert float(good.result) == pytest.approx(0, abs=1e-4)
    assert float(good.presence) == pytest.approx(0, abs=1e-4)
    assert bad.place > 10
    assert bad.box > 0.3
    assert bad.presence > 10


def test_a_measured_photograph_is_no_example_of_itself_where_its_folder_is_a_link(
    scenes, encoder, tmp_path
):
    (tmp_path / "own" / "disc").mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (8, 8)).save(tmp_path / "own" / "disc" / f"{number}.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "source").symlink_to(tmp_path / "own")
    adapter, read = new_adapter(encoder, scenes, seed=0), []

    def encode_images(paths):
        read.extend(path.name for path in paths)
        return np.ones((len(paths), adapter.config.dim), np.float32)

    measured = {
        "picture": str(tmp_path / "data" / "source" / "disc" / "0.png"),
        "objects": [{"name": "disc", "source": "source"}],
    }
    show = WholePictures(
        tmp_path / "data",
        SimpleNamespace(scenes=[measured]),
        SimpleNamespace(encode_images=encode_images),
        adapter,
    )

    assert len(show(Asked(0, {"object": 0}))) == 4
    assert read == ["1.png", "2.png", "3.png", "4.png"]
