"""Small pictures of three classes, an encoder of random weights, and an adapter of them."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from metaadapter.data.reader import read_images
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.run_adapt import Adapted, adapt

CLASSES = {"heron": (40, 90, 200), "lynx": (200, 170, 90), "red_fox": (220, 70, 20)}
ARCHITECTURE = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING = {
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


_load_cached = functools.cache(FrozenEncoder.load)


def _load_once(*names: str, templates: str | Sequence[str] | None = None, **more: Any) -> Any:
    chosen = tuple(templates) if isinstance(templates, list) else templates
    return _load_cached(*names, templates=chosen, **more)


@pytest.fixture(autouse=True)
def load_each_encoder_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder never changes, and building its tokenizer takes longer than most of the tests."""
    monkeypatch.setattr(FrozenEncoder, "load", _load_once)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of random weights, as a folder that open_clip reads."""
    return write_encoder(tmp_path_factory.mktemp("encoder"), seed=0)


@pytest.fixture
def loaded(encoder: Path) -> FrozenEncoder:
    return FrozenEncoder.load(str(encoder))


@pytest.fixture
def adapted(encoder: Path) -> Callable[..., Adapted]:
    """`adapt` with that encoder."""
    return functools.partial(adapt, encoder=str(encoder))


@pytest.fixture
def fitted(labelled: Path, loaded: FrozenEncoder) -> Callable[..., MetaAdapterClassifier]:
    """Fits the classifier of the labelled pictures, with a pool or without."""
    paths = sorted(labelled.glob("*/*.png"))
    y = [path.parent.name for path in paths]

    def fit(unlabelled: np.ndarray | None = None) -> MetaAdapterClassifier:
        classifier = MetaAdapterClassifier({label: label for label in y}, encoder=loaded)
        return classifier.fit(loaded.encode_images(paths), y, unlabelled=unlabelled)

    return fit


@pytest.fixture
def store_of(loaded: FrozenEncoder, tmp_path: Path) -> Callable[..., Path]:
    """Encodes a folder of pictures to a feature store in the folder of the test."""

    def encode(source: Path, **options: int) -> Path:
        is_labelled = any(path.is_dir() for path in source.iterdir())
        table = read_images(source, labelled=is_labelled, n_classes=1)
        encode_to_store(table, loaded, tmp_path / f"store of {source.name}", **options)
        return tmp_path / f"store of {source.name}"

    return encode


@pytest.fixture(scope="session")
def other_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("other encoder"), seed=1)


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of three pictures, each class of its own colour."""
    return write_classes(tmp_path_factory.mktemp("labelled"), n_pictures=3, seed=0)


@pytest.fixture(scope="session")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other pictures of the same classes, side by side: heron-0.png, heron-1.png, lynx-0.png …"""
    folder = tmp_path_factory.mktemp("new pictures ü")
    rng = np.random.default_rng(1)
    for label, colour in CLASSES.items():
        for number in range(2):
            write_picture(folder / f"{label}-{number}.png", colour, rng)
    return folder


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory, labelled: Path, encoder: Path) -> Path:
    folder = tmp_path_factory.mktemp("adapters") / "animals"
    adapt(labelled, encoder=str(encoder), device="cpu").save(folder)
    return folder


def write_encoder(folder: Path, *, seed: int, layers: int = 1) -> Path:
    import open_clip

    vision = ARCHITECTURE["vision_cfg"] | {"layers": layers}
    architecture = ARCHITECTURE | {"vision_cfg": vision}

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = open_clip.CLIP(**architecture)
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    config = {"model_cfg": architecture, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def write_classes(folder: Path, *, n_pictures: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    for label, colour in CLASSES.items():
        for number in range(n_pictures):
            write_picture(folder / label / f"{number}.png", colour, rng)
    return folder


def write_picture(path: Path, colour: tuple[int, int, int], rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.array(colour) + rng.integers(-20, 21, (32, 32, 3))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="session")
def picture() -> Callable[[Path, tuple[int, int, int], int], None]:
    """Writes one picture of about a colour."""
    return lambda path, colour, seed: write_picture(path, colour, np.random.default_rng(seed))


@pytest.fixture
def blurred(labelled: Path, tmp_path: Path) -> Path:
    """The labelled pictures, one of each class under the label of the next."""
    folder = tmp_path / "blurred"
    labels = sorted(path.name for path in labelled.iterdir())
    for label, other in zip(labels, [*labels[1:], labels[0]], strict=True):
        for number in range(3):
            source = labelled / (other if number == 0 else label) / f"{number}.png"
            (folder / label).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / label)
    return folder
