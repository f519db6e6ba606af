from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.encode_to_store import EncodeReport, encode_to_store

if TYPE_CHECKING:
    from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

DIM = 16
SIDE = 8


class MeanColourEncoder(ImageEncoder):
    """An encoder in a few lines: mean colours of a picture through a fixed random matrix."""

    logit_scale = 50.0
    templates = ("{}",)

    def __init__(self, name: str = "mean-colour", precision: str = "fp32") -> None:
        self.name = name
        self.precision = precision
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self.fingerprint = Fingerprint(name, "none", DIM, False, digest, (0.0,) * 32)
        self.n_rows_encoded = 0
        self.names_encoded: list[str] = []
        self._projection = torch.randn(4, DIM, generator=torch.Generator().manual_seed(0))

    def preprocess(self, picture: Image.Image) -> Tensor:
        small = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.array(small)).permute(2, 0, 1).float() / 255

    def encode_pixels(self, batch: Tensor) -> Tensor:
        self.n_rows_encoded += int(batch.flatten(1).any(1).sum())  # zeros fill a batch up
        colours = torch.nn.functional.pad(batch.mean((2, 3)), (0, 1), value=0.1)
        # One row at a time: what a batch holds must not change the last digit.
        return torch.stack([normalize(row @ self._projection, dim=0) for row in colours])

    def encode_texts(self, names: Sequence[str]) -> np.ndarray:
        self.names_encoded += names
        seeds = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in names]
        rows = np.stack([np.random.default_rng(seed).standard_normal(DIM) for seed in seeds])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def table_of(folder: Path) -> ImageTable:
    rows = (ImageRow(path, path.parent.name) for path in sorted(folder.glob("*/*")))
    return ImageTable(tuple(rows), "class-per-folder")


def write_pictures(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / ("heron", "stork")[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Colours that differ from picture to picture, so that a feature in a wrong row shows.
        noise = rng.integers(0, 56, (12, 14, 3)) + rng.integers(0, 200, 3)
        Image.fromarray(noise.astype(np.uint8)).save(path)


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of twelve pictures of two classes, heron/000.png, stork/001.png and so on."""
    write_pictures(tmp_path / "pictures", 12)
    return tmp_path / "pictures"


@pytest.fixture
def write_many() -> Callable[[Path, int], None]:
    return write_pictures


@pytest.fixture
def read_table() -> Callable[[Path], ImageTable]:
    return table_of


@pytest.fixture
def make_encoder() -> Callable[..., MeanColourEncoder]:
    return MeanColourEncoder


@pytest.fixture
def encoder() -> MeanColourEncoder:
    return MeanColourEncoder()


@pytest.fixture
def encode(pictures, encoder, tmp_path) -> Callable[..., EncodeReport]:
    """Encodes the pictures to the store NAME in the folder of the test."""

    def encode_pictures(name: str = "store", encoder=encoder, **options) -> EncodeReport:
        return encode_to_store(table_of(pictures), encoder, tmp_path / name, **options)

    return encode_pictures


SMALL_CLIP = {
    "embed_dim": 48,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
PREPROCESS = {
    "size": [32, 32],
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.25, 0.3],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """Writes an open_clip folder of a small model with random weights."""
    import open_clip
    from safetensors.torch import save_file

    def write(folder: Path, *, seed: int = 0, quick_gelu: bool = False, **preprocess) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(seed)
        weights = open_clip.CLIP(**SMALL_CLIP).state_dict()
        # Fresh networks hardly tell pictures or words apart; stronger layers make them.
        strong = {
            name: 4 * weight if weight.ndim > 1 and "positional" not in name else weight
            for name, weight in weights.items()
        }
        save_file(strong, folder / "open_clip_model.safetensors")
        config = {
            "model_cfg": SMALL_CLIP | ({"quick_gelu": True} if quick_gelu else {}),
            "preprocess_cfg": PREPROCESS | preprocess,
        }
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        return folder

    return write


@pytest.fixture(scope="session")
def clip_folder(write_clip, tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="session")
def clip(clip_folder) -> FrozenEncoder:
    """The small model as an encoder."""
    from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

    return FrozenEncoder.load(str(clip_folder), device="cpu", zoom=False)


@pytest.fixture(scope="session")
def photos() -> list[Image.Image]:
    """Seven smooth pictures of different shapes, open."""
    rng = np.random.default_rng(0)
    sizes = [(40, 30), (30, 40), (64, 64), (90, 33), (33, 90), (20, 20), (48, 56)]
    return [
        Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        for size in sizes
    ]
