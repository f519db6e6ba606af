from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.encoders import encoder_source
from metaadapter.features.encoders.build_encoder import PROOF_FILE, build_model
from metaadapter.features.encoders.encoder_source import TINY, resolve_encoder
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.fingerprint import digest_weights
from tools.seal_encoder import seal_encoder

FILES = ("open_clip_config.json", "open_clip_model.safetensors", "whitening.safetensors")


@pytest.fixture
def copied(tmp_path):
    """A copy of the folder of `tiny`, which a test may damage."""
    return shutil.copytree(TINY, tmp_path / "copied")


def flip_a_bit(file, place=-1000):
    content = bytearray(file.read_bytes())
    content[max(place, -len(content))] ^= 4
    file.write_bytes(content)


@pytest.fixture(params=["copied folder", "tiny", "tiny-128"])
def load(request, copied, monkeypatch):
    """Loads the encoder in the copied folder, by its path or as the one in the package."""
    if request.param == "copied folder":
        return lambda: FrozenEncoder.load(str(copied), device="cpu")
    monkeypatch.setattr(encoder_source, "TINY", copied)
    return lambda: FrozenEncoder.load(request.param, device="cpu")


@pytest.mark.parametrize("name", [*FILES, PROOF_FILE])
def test_flipped_bit__in_any_file__is_told_with_file_and_remedy(load, copied, name):
    flip_a_bit(copied / name)

    with pytest.raises(DataError, match=rf"{copied / name} is damaged .*restore it from a copy"):
        load()


def test_proof_of_tiny__is_what_its_files_give(copied):
    shipped = (copied / PROOF_FILE).read_bytes()

    seal_encoder(copied)

    assert (copied / PROOF_FILE).read_bytes() == shipped
    model = build_model(resolve_encoder("tiny"))
    assert model.digest == digest_weights(model.network)


@pytest.mark.parametrize(
    ("file", "key"),
    [
        (FILES[1], "logit_scale"),
        (FILES[1], "visual.trunk.conv_stem.weight"),
        (FILES[2], "stages.matrix"),
    ],
)
def test_numbers_that_are_nan__in_a_folder_without_a_proof__name_the_encoder(copied, file, key):
    (copied / PROOF_FILE).unlink()
    tensors = load_file(copied / file)
    tensors[key] = torch.full_like(tensors[key], torch.nan)
    save_file(tensors, copied / file)

    with pytest.raises(IncompatibleArtifact, match=f"{copied}.*damaged"):
        FrozenEncoder.load(str(copied), device="cpu")
