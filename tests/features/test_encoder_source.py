from __future__ import annotations

import os
import shutil

import pytest

from metaadapter.errors import DataError, UsageError
from metaadapter.features.open_clip_model import EncoderSource, resolve_encoder


def test_resolve__model_and_tag__is_what_open_clip_takes():
    source = resolve_encoder("ViT-B-32/laion2b_s34b_b79k")

    assert source == EncoderSource(
        name="ViT-B-32/laion2b_s34b_b79k",
        model="ViT-B-32",
        pretrained="laion2b_s34b_b79k",
        weights="laion2b_s34b_b79k",
    )


def test_resolve__tag_written_with_hyphens__has_one_name():
    written = resolve_encoder("ViT-B-32/LAION2B-s34B-b79K")

    assert written == resolve_encoder("ViT-B-32/laion2b_s34b_b79k")


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


def test_resolve__folder_without_config__says_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"is no encoder: expected open_clip_config\.json in it"):
        resolve_encoder(str(tmp_path))


def test_resolve__folder_without_weights__refuses_random_ones(tmp_path):
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


def test_resolve__folder_that_is_not_there__says_so():
    with pytest.raises(UsageError, match=r"there is no folder \./absent/clip"):
        resolve_encoder("./absent/clip")


@pytest.mark.parametrize("name", ["ViT-B32/openai", "vit-b-32/openai", "VitB-32"])
def test_resolve__misspelt_model__offers_near_ones(name):
    with pytest.raises(UsageError, match=rf"unknown encoder '{name}': did you mean .*ViT-B-32"):
        resolve_encoder(name)


def test_resolve__misspelt_tiny__offers_it():
    with pytest.raises(UsageError, match="unknown encoder 'tinny': did you mean tiny"):
        resolve_encoder("tinny")


def test_resolve__nothing_alike__shows_how_names_look():
    with pytest.raises(
        UsageError, match=r"'': expected 'tiny', 'tiny-128', MODEL/WEIGHTS as in 'ViT-B-32/"
    ):
        resolve_encoder("")


def test_resolve__model_alone__lists_its_weights():
    message = "'RN101' is an architecture without weights: open_clip knows RN101/openai, RN101/yf"
    with pytest.raises(UsageError, match=message):
        resolve_encoder("RN101")


def test_resolve__model_that_has_no_weights_anywhere__says_that():
    with pytest.raises(UsageError, match="open_clip knows none for ViT-S-32; a weights file works"):
        resolve_encoder("ViT-S-32/")


def test_resolve__misspelt_tag__offers_near_ones_and_lists_all():
    message = r"unknown weights 'opnai' for RN50: did you mean openai\? open_clip knows RN50/openai"
    with pytest.raises(UsageError, match=message):
        resolve_encoder("RN50/opnai")


def test_resolve__weights_file_that_is_not_there__says_so():
    with pytest.raises(UsageError, match=r"no weights file absent/a\.pt for the encoder RN50$"):
        resolve_encoder("RN50/absent/a.pt")
