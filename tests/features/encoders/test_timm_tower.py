from __future__ import annotations

import shutil

import numpy as np
import pytest
import timm
import torch
from timm.layers import resample_abs_pos_embed
from torch.nn.functional import normalize
from torchvision.transforms import Compose, Normalize

from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.fingerprint import probe_picture

CONVOLUTIONS, TRANSFORMER = "test_efficientnet", "test_vit"


def random_model(name, **options):
    torch.manual_seed(3)
    return timm.create_model(name, **options).eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("timm")
    for name in (CONVOLUTIONS, TRANSFORMER):
        timm.models.save_for_hf(random_model(name), folder / name, safe_serialization=True)
    return folder


@pytest.fixture
def load_pair(clip_folder, weights):
    def load(name=CONVOLUTIONS, **options):
        return load_encoder(f"{clip_folder}+timm:{weights / name}", device="cpu", **options)

    return load


def block_of(encoder, rows, name):
    """The unit rows of a block of the first look."""
    names = list(encoder.look_blocks)
    start = sum(encoder.look_blocks[item] for item in names[: names.index(name)])
    return normalize(torch.as_tensor(rows[:, start : start + encoder.look_blocks[name]]), dim=-1)


def by_hand(name, preprocess):
    """The pooled features of the probe, preprocessed with the model's own mean and deviation."""
    *steps, given = preprocess.transforms
    assert isinstance(given, Normalize)
    model = random_model(name)
    own = Normalize(model.pretrained_cfg["mean"], model.pretrained_cfg["std"])
    pixels = Compose([*steps, own])(probe_picture())[None]
    if name == TRANSFORMER:
        side = pixels.shape[-1] // 16
        state = model.state_dict()
        place = resample_abs_pos_embed(state["pos_embed"], (side, side), num_prefix_tokens=1)
        model = timm.create_model(name, img_size=pixels.shape[-1]).eval()
        model.load_state_dict(state | {"pos_embed": place})
    with torch.inference_mode():
        return model.forward_head(model.forward_features(pixels), pre_logits=True)


@pytest.mark.parametrize("name", [CONVOLUTIONS, TRANSFORMER])
def test_second__is_what_the_model_says_of_its_own_preprocessing(load_pair, name):
    encoder = load_pair(name)

    rows = encoder.encode_pixels(encoder.preprocess(probe_picture())[None])

    expected = normalize(by_hand(name, encoder.preprocess), dim=-1)
    torch.testing.assert_close(block_of(encoder, rows, "second"), expected, rtol=1e-4, atol=1e-5)


def test_second__beside_a_clip__leaves_its_features_and_answers_by_names_alone(
    load_pair, clip_folder
):
    alone = FrozenEncoder.load(str(clip_folder), device="cpu")
    encoder = load_pair()
    pixels = encoder.preprocess(probe_picture())[None]
    names = ["heron", "stork"]

    rows, texts = encoder.encode_pixels(pixels), encoder.encode_texts(names)

    assert list(encoder.look_blocks) == ["joint", "second"]
    torch.testing.assert_close(block_of(encoder, rows, "joint"), alone.encode_pixels(pixels))
    assert not block_of(encoder, texts, "second").any()
    looks = encoder.encode_looks(encoder.look(probe_picture())[None])
    alone_looks = alone.encode_looks(alone.look(probe_picture())[None])
    np.testing.assert_allclose(
        encoder.logit_scale * looks @ texts.T,
        alone.logit_scale * alone_looks @ alone.encode_texts(names).T,
        rtol=1e-4,
    )


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        ("test_vitt", UsageError, r"timm has no model 'test_vitt': did you mean .*test_vit"),
        ("", UsageError, "timm has no model ''"),
        ("/no/such/folder", UsageError, "there is no folder /no/such/folder"),
        ("empty", DataError, r"no model of timm: expected config\.json and the weights"),
        (
            "mixed",
            IncompatibleArtifact,
            "cannot be used: expected .* matching weights",
        ),
        ("test_vit.r160_in1k", DataError, "download timm/test_vit.r160_in1k --local"),
        ("test_vit", DataError, "not be downloaded.*`hf download timm/test_vit.r160_in1k --local"),
    ],
)
def test_second__that_cannot_be_had__is_told_with_what_to_do(
    clip_folder, weights, tmp_path, monkeypatch, second, error, message
):
    (tmp_path / "empty").mkdir()
    shutil.copytree(weights / TRANSFORMER, tmp_path / "mixed")
    shutil.copy(weights / CONVOLUTIONS / "model.safetensors", tmp_path / "mixed")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(error, match=message):
        load_encoder(f"{clip_folder}+timm:{second}")


class Intruder:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path('ran').touch()",)


@pytest.fixture
def careless_timm(monkeypatch):
    """timm as in version 1.0.17, which runs the code in a pickle."""

    def load(file, *_args, **_options):
        return torch.load(file, weights_only=False)

    def load_folder(folder, *_args, **_options):
        return load(next(folder.glob("*model*")))

    monkeypatch.setattr("timm.models._builder.load_state_dict", load)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_path", load_folder)


def test_pickle__with_any_version_of_timm__never_runs_code(
    careless_timm, clip_folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    timm.models.save_for_hf(random_model(CONVOLUTIONS), tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink(missing_ok=True)
    torch.save(Intruder(), pickled := tmp_path / "model" / "pytorch_model.bin")

    with pytest.raises(IncompatibleArtifact, match=rf"{pickled} .*program code, which is never"):
        load_encoder(f"{clip_folder}+timm:{tmp_path / 'model'}", device="cpu")

    assert not (tmp_path / "ran").exists()
    torch.load(pickled, weights_only=False)
    assert (tmp_path / "ran").exists()
