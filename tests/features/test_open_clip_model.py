from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
import socket
import time
import zipfile
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg
from safetensors.torch import load_file, save_file

from metaadapter.errors import DataError, IncompatibleArtifact, MissingPackage, UsageError
from metaadapter.features.build_encoder import build_model
from metaadapter.features.encoder_source import EncoderSource, resolve_encoder
from metaadapter.features.fingerprint import uses_quick_gelu


@pytest.mark.parametrize("name", ["ViT-B-32/laion2b_s34b_b79k", "ViT-B-32/LAION2B-s34B-b79K"])
def test_resolve__model_and_tag__is_what_open_clip_takes(name):
    tag = "laion2b_s34b_b79k"

    assert resolve_encoder(name) == EncoderSource(f"ViT-B-32/{tag}", "ViT-B-32", tag, tag)


def test_resolve__weights_file__keeps_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "mine.safetensors").touch()
    monkeypatch.chdir(tmp_path)

    source = resolve_encoder("RN50/mine.safetensors")

    path = str(tmp_path / "mine.safetensors")
    assert source == EncoderSource(f"RN50/{path}", "RN50", path, "mine.safetensors")
    assert resolve_encoder(source.name) == source


def test_resolve__folder__keeps_its_whole_path(clip_folder, monkeypatch):
    monkeypatch.chdir(clip_folder.parent)

    source = resolve_encoder(clip_folder.name)

    assert source.name == str(clip_folder)
    assert source.model == f"local-dir:{clip_folder}"
    assert (source.pretrained, source.weights) == (None, clip_folder.name)


def test_resolve__folder_without_config_or_weights__says_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"is no encoder: expected open_clip_config\.json in it"):
        resolve_encoder(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text("{}")
    with pytest.raises(DataError, match=r"but no weights; put open_clip_model\.safetensors"):
        resolve_encoder(str(tmp_path))


def test_resolve__folder_of_a_hub__may_have_links_to_what_was_not_fetched(clip_folder, tmp_path):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    (folder / "open_clip_pytorch_model.bin").symlink_to("nothing")

    assert resolve_encoder(str(folder)).name == str(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_resolve__folder_with_a_pipe_for_weights__is_refused(clip_folder, tmp_path):
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    os.mkfifo(folder / "open_clip_pytorch_model.bin")

    with pytest.raises(DataError, match=r"model\.bin of the encoder .* is no file"):
        resolve_encoder(str(folder))


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
        ("ViT-S-32/", "open_clip knows none for ViT-S-32; a weights file works"),
        (
            "RN50/opnai",
            r"unknown weights 'opnai' for RN50: did you mean openai\? open_clip knows RN50/openai",
        ),
        ("RN50/absent/a.pt", r"no weights file absent/a\.pt for the encoder RN50$"),
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


def test_build__hub_out_of_reach__weights_in_its_cache_are_read(
    hub_out_of_reach, small_model, monkeypatch, weights
):
    tag = open_clip.pretrained._PRETRAINED["small-clip"]["plain"]
    fetched = {key: value for key, value in tag.items() if key != "file"}
    tags = {"plain": fetched | {"hf_hub": "acme/small/"}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "small-clip", tags)
    place = Path(huggingface_hub.constants.HF_HUB_CACHE) / "models--acme--small"
    for folder in (place / "refs", place / "snapshots" / ("5" * 40)):
        folder.mkdir(parents=True)
    (place / "refs" / "main").write_text("5" * 40)
    shutil.copy(weights, place / "snapshots" / ("5" * 40))

    model = build_model(resolve_encoder("small-clip/plain"))

    expected = load_file(weights)
    assert all(torch.equal(model.network.state_dict()[name], expected[name]) for name in expected)
    assert hub_out_of_reach == []


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


def test_build__openai_tags__open_clip_says_that_they_need_quick_gelu():
    assert open_clip.get_pretrained_cfg("ViT-B-32", "openai")["quick_gelu"] is True


def test_build__weights_file__is_preprocessed_as_the_tags_agree(small_model, weights):
    model = build_model(resolve_encoder(f"small-clip/{weights}"))

    settings = model.network.visual.preprocess_cfg
    assert (settings["mean"], settings["resize_mode"]) == ((0.5, 0.5, 0.5), "squash")


def test_build__weights_file_and_tags_that_disagree__is_preprocessed_as_usual(
    small_model, weights, monkeypatch
):
    tags = open_clip.pretrained._PRETRAINED["small-clip"]
    monkeypatch.setitem(tags["quick"], "mean", (0.1, 0.1, 0.1))

    model = build_model(resolve_encoder(f"small-clip/{weights}"))

    assert model.network.visual.preprocess_cfg["mean"] == PreprocessCfg().mean


def test_build__weights_neither_here_nor_to_be_had__says_how_to_get_them(no_hub):
    message = (
        r"laion2b_s34b_b79k of ViT-B-32 are not on this machine.*run `hf download "
        r"laion/CLIP-ViT-B-32-laion2B-s34B-b79K --local-dir CLIP-ViT-B-32-laion2B-s34B-b79K`, "
        r"copy that folder here.*`tiny` needs no download"
    )
    with pytest.raises(DataError, match=message):
        build_model(resolve_encoder("ViT-B-32/laion2b_s34b_b79k"))


def test_build__weights_named_by_file_on_the_hub__names_the_repository(no_hub):
    with pytest.raises(DataError, match="download jienengchen/ViTamin-S --local-dir ViTamin-S`"):
        build_model(resolve_encoder("ViTamin-S/datacomp1b"))


def test_build__every_tag_of_open_clip__is_on_the_hub():
    configs = [open_clip.get_pretrained_cfg(*pair) for pair in open_clip.list_pretrained()]

    assert all(config["hf_hub"].count("/") >= 2 for config in configs)


def test_build__text_tower_without_its_package__names_it(monkeypatch, no_hub):
    monkeypatch.setattr("open_clip.hf_model.transformers", None)
    source = EncoderSource("x", "roberta-ViT-B-32", None, "x")

    with pytest.raises(MissingPackage, match="pip install transformers"):
        build_model(source)


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
            r"weights of small-clip/.* are here, but its tokenizer someone/tokens is not.*HF_HOME",
        ),
    ],
)
def test_build__tokenizer_that_cannot_be_had__is_named_and_not_the_weights(
    small_model, weights, monkeypatch, failure, kind, message
):
    def fail(_name):
        raise failure

    monkeypatch.setattr("open_clip.get_tokenizer", fail)
    config = open_clip.factory._MODEL_CONFIGS["small-clip"]
    named = config | {"text_cfg": config["text_cfg"] | {"hf_tokenizer_name": "someone/tokens"}}
    monkeypatch.setattr("open_clip.get_model_config", lambda _name: named)

    with pytest.raises(kind, match=message):
        build_model(resolve_encoder(f"small-clip/{weights}"))


def test_build__weights_of_another_architecture__names_both(weights):
    message = (
        r"the weights .*open_clip_model\.safetensors do not fit the encoder ViT-S-32/.*changed"
    )
    with pytest.raises(IncompatibleArtifact, match=message):
        build_model(resolve_encoder(f"ViT-S-32/{weights}"))


@pytest.fixture
def copied(clip_folder, tmp_path):
    """A copy of the encoder that a test may damage: its weights."""
    return shutil.copytree(clip_folder, tmp_path / "copied") / "open_clip_model.safetensors"


def test_build__weights_cut_short__says_which(copied):
    copied.write_bytes(copied.read_bytes()[:5000])

    message = f"the files .*, {copied} do not fit the encoder .*/copied"
    with pytest.raises(IncompatibleArtifact, match=message):
        build_model(resolve_encoder(str(copied.parent)))


def test_build__tensors_missing__does_not_fill_them_at_random(copied):
    tensors = {k: v for k, v in load_file(copied).items() if k != "text_projection"}
    save_file(tensors, copied)

    with pytest.raises(IncompatibleArtifact, match=r"Missing key.*text_projection"):
        build_model(resolve_encoder(str(copied.parent)))


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


def test_build__tensors_in_a_pickle__are_read(copied):
    tensors = load_file(copied)
    copied.unlink()
    torch.save(tensors, copied.with_name("open_clip_pytorch_model.bin"))

    model = build_model(resolve_encoder(str(copied.parent)))

    assert torch.equal(model.network.state_dict()["visual.proj"], tensors["visual.proj"])


def test_build__notes_of_open_clip__do_not_reach_the_user(clip_folder, capfd, monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])

    build_model(resolve_encoder(str(clip_folder)))

    assert capfd.readouterr() == ("", "")
    assert root.handlers == []
