from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from metaadapter.apps.field.frames import Frame
from metaadapter.bench.scenes.scenes import scenes_of
from metaadapter.data.table import ImageRow


@pytest.fixture
def frame(tmp_path):
    """A frame of a scene, drawn from its seed; a moment later it is a little noisier."""

    def write(name, scene, noise=0, seconds=None, group=None):
        rng = np.random.default_rng(scene)
        blocks = rng.integers(0, 256, (16, 16)).repeat(4, axis=0).repeat(4, axis=1)
        more = np.random.default_rng(noise).integers(-10, 11, blocks.shape) if noise else 0
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((blocks + more).clip(0, 255).astype(np.uint8)).save(path)
        time = seconds and datetime(2025, 5, 4) + timedelta(seconds=seconds)
        return Frame(ImageRow(path, None, group=group), None, time)

    return write


def test_scenes__near_duplicates__are_one_and_others_are_not(frame):
    frames = [frame("a/1.png", 1), frame("a/2.png", 1, noise=5), frame("b/1.png", 2)]

    one, two, three = scenes_of(frames)

    assert one == two != three


def test_scenes__frames_within_a_minute_at_one_camera__are_one(frame):
    frames = [
        frame("a/1.png", 1, seconds=10),
        frame("a/2.png", 2, seconds=60),
        frame("a/3.png", 3, seconds=600),
        frame("b/1.png", 4, seconds=12),
    ]

    found = scenes_of(frames)

    assert found[0] == found[1]
    assert len({*found.tolist()}) == 3


def test_scenes__chain_of_alike_frames__is_not_one_scene(tmp_path):
    """Each frame is like the next, but the first is unlike the last."""
    one, other = (np.random.default_rng(seed).integers(0, 256, (32, 32)) for seed in (1, 2))
    frames = []
    for number in range(9):
        share = number / 8
        path = tmp_path / f"{number}.png"
        Image.fromarray((one * (1 - share) + other * share).astype(np.uint8)).save(path)
        frames.append(Frame(ImageRow(path, None)))

    found = scenes_of(frames)

    thumbnails = np.stack([np.asarray(Image.open(f.row.path), float).ravel() for f in frames])
    correlations = np.corrcoef(thumbnails)
    assert correlations.diagonal(1).min() > 0.95
    assert found[0] != found[-1]
    assert all(
        correlations[a, b] >= 0.85 for a in range(9) for b in range(9) if found[a] == found[b]
    )
