from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch

from metaadapter.errors import DataError
from metaadapter.features.encoders.encoder_source import resolve_encoder
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from tests.fake_hub import forget_downloads
from tests.small_transformers import save_family

COMMIT = "5" * 40


@pytest.fixture(autouse=True)
def forget():
    """Each test asks its own hub."""
    forget_downloads()
    yield
    forget_downloads()


@pytest.fixture
def cached(monkeypatch, tmp_path):
    """Puts the files of a folder into an empty cache of the hub, as a download of a model would."""
    cache = tmp_path / "cache"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)

    def put(folder: Path, name: str, revision: str = "main") -> Path:
        place = cache / f"models--{name.replace('/', '--')}"
        (place / "refs" / revision).parent.mkdir(parents=True, exist_ok=True)
        (place / "refs" / revision).write_text(COMMIT)
        shutil.copytree(folder, place / "snapshots" / COMMIT, dirs_exist_ok=True)
        return place / "snapshots" / COMMIT

    return put


def test_hub__model_of_open_clip__is_that_of_its_folder(cached, clip_folder):
    cached(clip_folder, "imageomics/bioclip")

    encoder = FrozenEncoder.load("hf-hub:imageomics/bioclip", device="cpu")

    assert (encoder.name, encoder.weights) == ("hf-hub:imageomics/bioclip", COMMIT)
    folder = FrozenEncoder.load(str(clip_folder), device="cpu")
    assert encoder.fingerprint.matches(folder.fingerprint)


@pytest.mark.slow
def test_hub__model_of_transformers_at_a_revision__is_that_of_its_folder(cached, tmp_path):
    pytest.importorskip("transformers")
    save_family("dinov2", tmp_path / "family")
    place = cached(tmp_path / "family", "facebook/dinov2-base", "refs/pr/1")

    source = resolve_encoder("hf-hub:facebook/dinov2-base@refs/pr/1")

    assert (source.library, source.folder, source.weights) == ("transformers", place, COMMIT)
    assert source.name == "hf-hub:facebook/dinov2-base@refs/pr/1"


def test_hub__model_that_is_not_in_the_cache__is_named_with_the_command_that_fetches_it(cached):
    message = r"hf download google/siglip-base --local-dir siglip-base`, copy that folder here"
    with pytest.raises(DataError, match=message):
        resolve_encoder("hf-hub:google/siglip-base")
    with pytest.raises(DataError, match=r"google/siglip-base --revision refs/pr/1 --local-dir sig"):
        resolve_encoder("hf-hub:google/siglip-base@refs/pr/1")


def test_hub__download__asks_for_no_pickle_and_no_code(monkeypatch, tmp_path):
    asked = []

    def download(repository, *, revision, allow_patterns, ignore_patterns):
        asked.extend(allow_patterns)
        (tmp_path / "open_clip_config.json").touch()
        assert ignore_patterns == ["*/*"]
        if "open_clip_model.safetensors" in allow_patterns:
            (tmp_path / "open_clip_model.safetensors").touch()
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)

    for _ in range(2):  # the hub is asked once
        assert resolve_encoder("hf-hub:imageomics/bioclip-2").folder == tmp_path
    assert asked == ["*.json", "*.txt", "*.model", "open_clip_model.safetensors"]


def test_hub__model_of_timm__is_an_encoder_without_texts(cached, tmp_path, photos):
    model = timm.create_model("resnet10t", pretrained=False)
    timm.models.save_for_hf(model, tmp_path / "resnet", safe_serialization=True)
    cached(tmp_path / "resnet", "timm/resnet10t")

    encoder = FrozenEncoder.load("hf-hub:timm/resnet10t", device="cpu", zoom=False)

    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.no_grad():
        pooled = model.eval().forward_head(
            model.forward_features(torch.stack([transform(photo) for photo in photos])),
            pre_logits=True,
        )
    pixels = torch.stack([encoder.preprocess(photo) for photo in photos])
    expected = torch.nn.functional.normalize(pooled, dim=-1)
    torch.testing.assert_close(encoder.encode_pixels(pixels), expected, atol=1e-5, rtol=0)
    assert not encoder.reads_texts
    folder = FrozenEncoder.load(f"timm:{tmp_path / 'resnet'}", device="cpu", zoom=False)
    assert folder.fingerprint.digest == encoder.fingerprint.digest
