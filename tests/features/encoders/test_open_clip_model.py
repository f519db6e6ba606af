from __future__ import annotations

import json
import pickle
import shutil
import socket
import time
import zipfile

import huggingface_hub.constants
import open_clip
import pytest
import torch
from safetensors.torch import load_file

from metaadapter.errors import DataError, IncompatibleArtifact, MissingPackage, UsageError
from metaadapter.features.encoders.build_encoder import build_model
from metaadapter.features.encoders.encoder_source import EncoderSource, resolve_encoder
from metaadapter.features.fingerprint import uses_quick_gelu


@pytest.mark.parametrize("name", ["ViT-B-32/laion2b_s34b_b79k", "ViT-B-32/LAION2B-s34B-b79K"])
def test_resolve__model_and_tag__is_what_open_clip_takes(name):
    tag = "laion2b_s34b_b79k"

    assert resolve_encoder(name) == EncoderSource(f"ViT-B-32/{tag}", "ViT-B-32", tag)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./absent/clip", r"there is no folder \./absent/clip"),
        *(
            (name, rf"unknown encoder '{name}': did you mean .*ViT-B-32")
            for name in ("ViT-B32/openai", "vit-b-32/openai", "VitB-32")
        ),
        ("tinny", "unknown encoder 'tinny': did you mean tiny"),
        ("", "'': expected 'tiny', 'tiny-128', MODEL/WEIGHTS as in 'ViT-B-32/"),
        (
            "RN101",
            "'RN101' is an architecture without weights: open_clip knows RN101/openai, RN101/yf",
        ),
        ("ViT-S-32/", "open_clip knows none for ViT-S-32; other weights are"),
        (
            "RN50/opnai",
            r"unknown weights 'opnai' for RN50: did you mean openai\? open_clip knows RN50/openai",
        ),
    ],
)
def test_resolve__name_of_no_encoder__says_what_there_is(name, message):
    with pytest.raises(UsageError, match=message):
        resolve_encoder(name)


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """An empty cache and no network, whatever this machine has."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def hub_out_of_reach(monkeypatch, tmp_path):
    """An empty cache, and a port that nobody listens on; the seconds of all waits for the hub."""
    waits = []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    constants = huggingface_hub.constants
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.mark.parametrize(
    "name", ["ViT-B-32/laion2b_s34b_b79k", "timm:resnet10t.c3_in1k", "tiny+timm:resnet10t.c3_in1k"]
)
def test_build__hub_out_of_reach__fails_at_the_first_attempt(hub_out_of_reach, name):
    with pytest.raises(DataError, match=r"not on this machine and could not be downloaded"):
        build_model(resolve_encoder(name))
    assert hub_out_of_reach == []
    assert huggingface_hub.constants.HF_HUB_OFFLINE is False


@pytest.fixture
def small_model(monkeypatch, clip_folder):
    """open_clip knows the small model by a name, with a tag whose weights are on this machine."""
    config = json.loads((clip_folder / "open_clip_config.json").read_text())["model_cfg"]
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "small-clip", config)
    tag = {
        "file": str(clip_folder / "open_clip_model.safetensors"),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "interpolation": "bilinear",
        "resize_mode": "squash",
    }
    tags = {"plain": tag, "quick": tag | {"quick_gelu": True}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "small-clip", tags)


@pytest.fixture
def weights(clip_folder):
    return clip_folder / "open_clip_model.safetensors"


def test_build__folder__has_its_weights_and_preprocessing(clip_folder, weights):
    model = build_model(resolve_encoder(str(clip_folder)))

    expected = load_file(weights)
    for name, value in model.network.state_dict().items():
        assert torch.equal(value, expected[name])
    assert model.network.visual.preprocess_cfg["mean"] == [0.4, 0.5, 0.6]
    assert model.tokenize(["a red fox"]).shape == (1, 16)


@pytest.mark.parametrize(("tag", "expected"), [("plain", False), ("quick", True)])
def test_build__tag__has_the_activation_that_its_weights_were_trained_with(
    small_model, tag, expected
):
    model = build_model(resolve_encoder(f"small-clip/{tag}"))

    assert uses_quick_gelu(model.network) is expected


def test_build__weights_neither_here_nor_to_be_had__says_how_to_get_them(no_hub):
    message = (
        r"laion2b_s34b_b79k of ViT-B-32 are not on this machine.*run `hf download "
        r"laion/CLIP-ViT-B-32-laion2B-s34B-b79K --local-dir CLIP-ViT-B-32-laion2B-s34B-b79K`, "
        r"copy that folder here.*`tiny` needs no download"
    )
    with pytest.raises(DataError, match=message):
        build_model(resolve_encoder("ViT-B-32/laion2b_s34b_b79k"))


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (
            ModuleNotFoundError("No module named 'transformers'", name="transformers"),
            MissingPackage,
            "the tokenizer of small-clip needs the package transformers: pip install transformers",
        ),
        (
            OSError("We couldn't connect to 'https://huggingface.co' to load the files"),
            DataError,
            r"small-clip/plain are here, but its tokenizer someone/tokens is not.*HF_HOME",
        ),
    ],
)
def test_build__tokenizer_that_cannot_be_had__is_named_and_not_the_weights(
    small_model, monkeypatch, failure, kind, message
):
    def fail(_name):
        raise failure

    monkeypatch.setattr("open_clip.get_tokenizer", fail)
    config = open_clip.factory._MODEL_CONFIGS["small-clip"]
    named = config | {"text_cfg": config["text_cfg"] | {"hf_tokenizer_name": "someone/tokens"}}
    monkeypatch.setattr("open_clip.get_model_config", lambda _name: named)

    with pytest.raises(kind, match=message):
        build_model(resolve_encoder("small-clip/plain"))


@pytest.fixture
def copied(clip_folder, tmp_path):
    """A copy of the encoder that a test may damage: its weights."""
    return shutil.copytree(clip_folder, tmp_path / "copied") / "open_clip_model.safetensors"


class Intruder:
    def __reduce__(self):
        return exec, ("import pathlib; pathlib.Path(TARGET).touch()".replace("TARGET", "'ran'"),)


def test_build__pickle_with_program_code__never_runs_it(copied, tmp_path, monkeypatch):
    copied.unlink()
    pickled = copied.with_name("open_clip_pytorch_model.bin")
    torch.save({"visual.proj": Intruder()}, pickled)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(IncompatibleArtifact, match="hold program code, which is never run"):
        build_model(resolve_encoder(str(copied.parent)))

    assert not (tmp_path / "ran").exists()
    with zipfile.ZipFile(pickled) as archive:
        data = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    pickle.loads(data)
    assert (tmp_path / "ran").exists()
