"""Adapters with a learned prompt, through the commands that make and take them."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.labs.tuning import tune_inside as inside_module
from metaadapter.labs.tuning import tuning_step
from metaadapter.labs.tuning.tune_inside import Inside

TOWERS = "towers.safetensors"


@pytest.fixture
def steps(monkeypatch):
    """Says how many steps `--prompt` takes, whatever left-out classes say."""

    def take(number):
        settings = partial(tuning_step.SoftPrompt, n_steps=number)
        monkeypatch.setattr(tuning_step, "SoftPrompt", settings)

    return take


@pytest.fixture
def prompted(run, labelled, encoder, tmp_path, steps):
    """An adapter of three classes with pictures and one known by its name alone."""
    steps(3)
    out = tmp_path / "prompted"
    more = ("--encoder", encoder, "--prompt", 4, "--add-class", "otter")
    assert not run("adapt", labelled, "--out", out, *more).code
    return out


def base_of(adapter, encoder):
    origin = load_adapter(adapter).config.origin
    return load_encoder(str(encoder), device="cpu", zoom=origin.zoom, blocks=origin.block_names)


def text_of(adapter, label):
    stored = load_adapter(adapter)
    return stored.support.text_TND[0][stored.config.classes.index(label)]


def test_adapt__prompt__reads_names_of_classes_without_pictures_alone(prompted, encoder):
    base = base_of(prompted, encoder)
    read = adapted_encoder(base, load_adapter(prompted))

    expected = read.encode_texts(["otter"])[0]
    np.testing.assert_allclose(text_of(prompted, "otter"), expected, atol=1e-6)
    assert np.abs(expected - base.encode_texts(["otter"])[0]).max() > 1e-4
    np.testing.assert_allclose(
        text_of(prompted, "red_fox"), base.encode_texts(["red fox"])[0], atol=1e-6
    )


def test_adapt__prompt__is_told_and_kept(run, labelled, encoder, tmp_path, steps):
    steps(2)
    out = tmp_path / "it"
    more = ("--encoder", encoder, "--prompt", 3, "--json")

    done = run("adapt", labelled, "--out", out, *more)

    assert done.code == 0, done.err
    told = done.document["prompt"]
    assert told["context"] == {"n_context": 3, "n_steps": 2}
    assert told["n_trained"] == 3 * 16
    assert told["left_out"] is None
    assert done.document["leave_one_out"] is not None
    stored = load_adapter(out)
    assert stored.config.prompt.n_context == 3
    assert stored.towers["prompt/context"].shape == (3, 16)
    assert (
        "3 context vectors before the names of classes without a picture"
        in (out / "README.md").read_text()
    )


def test_adapt__prompt__asks_classes_that_were_left_out(run, labelled, encoder, tmp_path):
    more = ("--encoder", encoder, "--prompt", 4, "--json")

    done = run("adapt", labelled, "--out", tmp_path / "it", *more)

    told = done.document["prompt"]
    assert told["left_out"]["n"] == 9
    assert (told["context"] is None) == (not (tmp_path / "it" / TOWERS).exists())


def test_adapt__prompt_that_is_not_borne_out__is_the_adapter_without(
    run, labelled, encoder, tmp_path, steps
):
    steps(0)
    more = ("--encoder", encoder, "--add-class", "otter")
    assert not run("adapt", labelled, "--out", tmp_path / "plain", *more).code

    done = run("adapt", labelled, "--out", tmp_path / "same", "--prompt", 4, *more)

    assert done.code == 0, done.err
    assert "do not support a learned prompt" in done.err
    for name in ("adapter_model.safetensors", "support.safetensors", "adapter_config.json"):
        assert (tmp_path / "same" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
    assert not (tmp_path / "same" / TOWERS).exists()


def test_adapt__prompt_from_a_feature_store__is_that_from_its_pictures(
    run, labelled, encoder, tmp_path, steps
):
    steps(3)
    assert not run("encode", labelled, "--out", tmp_path / "s", "--encoder", encoder).code
    more = ("--prompt", 4)

    done = run("adapt", tmp_path / "s", "--out", tmp_path / "of store", *more)

    assert done.code == 0, done.err
    more = (*more, "--encoder", encoder)
    assert not run("adapt", labelled, "--out", tmp_path / "of pictures", *more).code
    one, other = (load_adapter(tmp_path / name).towers for name in ("of store", "of pictures"))
    for name, each in one.items():
        torch.testing.assert_close(each, other[name], rtol=0, atol=1e-3)


def test_predict__adapter_with_a_prompt__takes_feature_stores(
    run, prompted, encoder, unlabelled, tmp_path
):
    assert not run("encode", unlabelled, "--out", tmp_path / "s", "--encoder", encoder).code

    of_store = run("predict", prompted, tmp_path / "s", "--json").document
    of_pictures = run("predict", prompted, unlabelled, "--json").document

    one, other = (
        {each["path"]: each["probabilities"] for each in document["predictions"]}
        for document in (of_store, of_pictures)
    )
    assert one.keys() == other.keys()
    for path, found in one.items():
        np.testing.assert_allclose([*found.values()], [*other[path].values()], atol=1e-4)


def test_add__class_by_its_name__is_read_through_the_prompt(run, prompted, encoder, tmp_path):
    out = tmp_path / "more"

    done = run("add", prompted, "wolf", "--text", "a grey wolf", "--out", out)

    assert done.code == 0, done.err
    read = adapted_encoder(base_of(prompted, encoder), load_adapter(prompted))
    expected = read.encode_texts(["a grey wolf"])[0]
    np.testing.assert_allclose(text_of(out, "wolf"), expected, atol=1e-6)
    before, after = load_adapter(prompted), load_adapter(out)
    assert after.config.prompt == before.config.prompt
    assert all(torch.equal(after.towers[name], each) for name, each in before.towers.items())


def test_add__class_with_pictures__is_read_without_the_prompt(
    run, prompted, labelled, encoder, tmp_path
):
    out = tmp_path / "more"

    done = run("add", prompted, "wolf", labelled / "heron", "--text", "a grey wolf", "--out", out)

    assert done.code == 0, done.err
    expected = base_of(prompted, encoder).encode_texts(["a grey wolf"])[0]
    np.testing.assert_allclose(text_of(out, "wolf"), expected, atol=1e-6)


def test_adapt__prompt_with_adapters_inside__is_learned_and_read_through_them(
    run, labelled, tmp_path, steps, monkeypatch
):
    torch.manual_seed(0)
    vision = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    model = {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text}
    clip, out, more = tmp_path / "clip", tmp_path / "both", tmp_path / "more"
    clip.mkdir()
    save_file(open_clip.CLIP(**model).state_dict(), clip / "open_clip_model.safetensors")
    seen = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "shortest"}
    facts = {"model_cfg": model, "preprocess_cfg": seen}
    (clip / "open_clip_config.json").write_text(json.dumps(facts))
    monkeypatch.setattr(inside_module, "Inside", partial(Inside, n_steps=2))
    steps(2)

    both = ("--inside", "image", "--prompt", 4, "--encoder", clip)
    done = run("adapt", labelled, "--out", out, "--add-class", "otter", *both)

    assert done.code == 0, done.err
    stored, base = load_adapter(out), base_of(out, clip)
    assert {name.partition("/")[0] for name in stored.towers} == {"inside", "prompt"}
    read = adapted_encoder(base, stored)
    np.testing.assert_allclose(text_of(out, "otter"), read.encode_texts(["otter"])[0], atol=1e-6)
    picture = sorted((labelled / "heron").iterdir())[0]
    inside = stored.config.model_copy(update={"prompt": None})
    towers = {name: each for name, each in stored.towers.items() if "prompt" not in name}
    alone = adapted_encoder(base, replace(stored, config=inside, towers=towers))
    assert np.array_equal(read.encode_images([picture]), alone.encode_images([picture]))
    assert adapted_encoder(read, stored) is read
    assert not run("add", out, "wolf", "--text", "wolf", "--out", more).code
    np.testing.assert_allclose(text_of(more, "wolf"), read.encode_texts(["wolf"])[0], atol=1e-6)


def test_library__adapter_with_a_prompt__is_an_entry_as_any(run, prompted, unlabelled, tmp_path):
    library = tmp_path / "library"
    assert not run("library", "add", library, prompted).code

    done = run("library", "predict", library, unlabelled, "--json")

    assert done.code == 0, done.err


def test_doctor__prompt_of_another_version__is_told(run, prompted, labelled, encoder):
    stored = load_adapter(prompted)
    del stored.towers["prompt/start"]
    store_adapter(prompted, stored)

    done = run("add", prompted, "wolf", "--text", "wolf")

    assert done.code == 4
    assert "the adapter's prompt lacks prompt/start" in done.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--no-text",), "--prompt is about the names of classes"),
        (("--encoder", "mine.py:it"), "the encoder mine.py:it is of your own"),
    ],
)
def test_adapt__what_does_not_go_with_a_prompt__is_refused_before_encoding(
    run, labelled, tmp_path, more, told
):
    done = run("adapt", labelled, "--out", tmp_path / "it", "--prompt", 4, *more)

    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "it").exists()


def test_adapt__prompt_with_names_alone__is_refused(run, tmp_path):
    done = run("adapt", "--names", "fox,lynx,otter", "--out", tmp_path / "it", "--prompt", 4)

    assert done.code == 2
    assert "--prompt is learned from labelled pictures" in done.err


def test_adapt__prompt_longer_than_the_text_tower__is_refused(run, labelled, encoder, tmp_path):
    more = ("--encoder", encoder, "--prompt", 16)

    done = run("adapt", labelled, "--out", tmp_path / "it", *more)

    assert done.code == 2
    assert "a prompt of 16 vectors does not fit before the name" in done.err
    assert not (tmp_path / "it").exists()


def test_rank__adapter_with_a_prompt__reads_captions_without_it(
    run, prompted, labelled, encoder, unlabelled, tmp_path
):
    plain = tmp_path / "plain"
    assert not run("adapt", labelled, "--out", plain, "--encoder", encoder).code
    # Longer than a name can be that stands behind a prompt.
    captions = ["--text", "a fox in the snow " * 30, "--text", "a heron"]
    with_prompt, without = (
        run("rank", each, unlabelled, *captions, "--json") for each in (prompted, plain)
    )

    assert with_prompt.code == 0, with_prompt.err
    for key in ("of_pictures", "of_captions"):
        assert with_prompt.document[key] == without.document[key]
