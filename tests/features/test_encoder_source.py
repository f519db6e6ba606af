from __future__ import annotations

import os
import shutil

import pytest

from metaadapter.errors import DataError, UsageError
from metaadapter.features.open_clip_model import EncoderSource, resolve_encoder


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
