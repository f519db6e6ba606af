"""Adapters with a learned prompt, through the commands that make and take them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.labs.tuning import tune_inside as inside_module
from metaadapter.labs.tuning import tuning_step
from metaadapter.labs.tuning.tune_inside import Inside
from tests.small_pictures import write_encoder

TOWERS = "towers.safetensors"


@pytest.fixture
def steps(monkeypatch):
    """Says how many steps `--prompt` takes, whatever left-out classes say."""

    def take(number):
        settings = partial(tuning_step.SoftPrompt, n_steps=number)
        monkeypatch.setattr(tuning_step, "SoftPrompt", settings)

    return take


@pytest.fixture
def prompted(adapt, labelled, tmp_path, steps):
    """An adapter of three classes with pictures and one known by its name alone."""
    steps(3)
    out = tmp_path / "prompted"
    assert not adapt(labelled, "--prompt", 4, "--add-class", "otter", out=out).code
    return out


def base_of(adapter, encoder):
    origin = load_adapter(adapter).config.origin
    return load_encoder(str(encoder), device="cpu", zoom=origin.zoom, blocks=origin.block_names)


def assert_read_as(adapter, label, encoder, name):
    """That the text of a class is that of a name, by an encoder."""
    stored = load_adapter(adapter)
    text = stored.support.text_TND[0][stored.config.classes.index(label)]
    np.testing.assert_allclose(text, encoder.encode_texts([name])[0], atol=1e-6)


def test_adapt__prompt__reads_names_of_classes_without_pictures_alone(prompted, encoder):
    base = base_of(prompted, encoder)
    read = adapted_encoder(base, load_adapter(prompted))

    assert_read_as(prompted, "otter", read, "otter")
    assert_read_as(prompted, "red_fox", base, "red fox")
    assert np.abs(read.encode_texts(["otter"]) - base.encode_texts(["otter"])).max() > 1e-4


def test_adapt__prompt__is_told_and_kept(adapt, labelled, tmp_path, steps):
    steps(2)

    done = adapt(labelled, "--prompt", 3, "--json")

    assert done.code == 0, done.err
    prompt = done.document["prompt"]
    assert prompt["context"] == {"n_context": 3, "n_steps": 2}
    assert prompt["n_trained"] == 3 * 16
    assert prompt["left_out"] is None
    assert done.document["leave_one_out"] is not None
    stored = load_adapter(tmp_path / "adapter")
    assert stored.config.prompt.n_context == 3
    assert stored.towers["prompt/context"].shape == (3, 16)
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "3 context vectors before the names of classes without a picture" in card


def test_adapt__prompt__asks_classes_that_were_left_out(adapt, labelled, tmp_path):
    prompt = adapt(labelled, "--prompt", 4, "--json").document["prompt"]

    assert prompt["left_out"]["n"] == 9
    assert (prompt["context"] is None) == (not (tmp_path / "adapter" / TOWERS).exists())


def test_adapt__prompt_that_is_not_borne_out__is_the_adapter_without(
    adapt, labelled, tmp_path, steps
):
    steps(0)
    plain, same = tmp_path / "plain", tmp_path / "same"
    assert not adapt(labelled, "--add-class", "otter", out=plain).code

    done = adapt(labelled, "--add-class", "otter", "--prompt", 4, out=same)

    assert done.code == 0, done.err
    assert "a learned prompt does not improve the predictions of left-out" in done.err
    for name in ("adapter_model.safetensors", "support.safetensors", "adapter_config.json"):
        assert (same / name).read_bytes() == (plain / name).read_bytes()
    assert not (same / TOWERS).exists()


def test_adapt__prompt_from_a_feature_store__is_that_from_its_pictures(
    run, adapt, encode, labelled, tmp_path, steps
):
    steps(3)
    assert not encode(labelled).code
    assert not adapt(labelled, "--prompt", 4).code

    done = run("adapt", tmp_path / "store", "--out", tmp_path / "of store", "--prompt", 4)

    assert done.code == 0, done.err
    one, other = (load_adapter(tmp_path / name).towers for name in ("of store", "adapter"))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name], rtol=0, atol=1e-3)


def test_predict__adapter_with_a_prompt__takes_feature_stores(
    run, encode, prompted, unlabelled, tmp_path
):
    assert not encode(unlabelled).code

    of_store, of_pictures = (
        run("predict", prompted, source, "--json").document["predictions"]
        for source in (tmp_path / "store", unlabelled)
    )

    for one, other in zip(of_store, of_pictures, strict=True):
        assert one["path"] == other["path"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


@pytest.mark.parametrize("by", ["name", "pictures"])
def test_add__class__is_read_through_the_prompt_only_if_it_has_no_pictures(
    run, prompted, labelled, encoder, tmp_path, by
):
    out, pictures = tmp_path / "more", [labelled / "heron"] if by == "pictures" else []

    done = run("add", prompted, "wolf", *pictures, "--text", "a grey wolf", "--out", out)

    assert done.code == 0, done.err
    before, after, base = load_adapter(prompted), load_adapter(out), base_of(prompted, encoder)
    read = base if pictures else adapted_encoder(base, before)
    assert_read_as(out, "wolf", read, "a grey wolf")
    assert after.config.prompt == before.config.prompt
    assert all(torch.equal(after.towers[name], part) for name, part in before.towers.items())


def test_adapt__prompt_with_adapters_inside__is_learned_and_read_through_them(
    run, adapt, labelled, tmp_path, steps, monkeypatch
):
    (tmp_path / "clip").mkdir()
    clip = write_encoder(tmp_path / "clip", seed=0, layers=2)
    out, more = tmp_path / "adapter", tmp_path / "more"
    monkeypatch.setattr(inside_module, "Inside", partial(Inside, n_steps=2))
    steps(2)

    both = ("--inside", "image", "--prompt", 4, "--encoder", clip)
    done = adapt(labelled, "--add-class", "otter", *both)

    assert done.code == 0, done.err
    stored = load_adapter(out)
    assert {name.partition("/")[0] for name in stored.towers} == {"inside", "prompt"}
    read = adapted_encoder(base_of(out, clip), stored)
    assert_read_as(out, "otter", read, "otter")
    picture = sorted((labelled / "heron").iterdir())[0]
    inside = stored.config.model_copy(update={"prompt": None})
    towers = {name: part for name, part in stored.towers.items() if "prompt" not in name}
    alone = adapted_encoder(base_of(out, clip), replace(stored, config=inside, towers=towers))
    assert np.array_equal(read.encode_images([picture]), alone.encode_images([picture]))
    assert adapted_encoder(read, stored) is read
    assert not run("add", out, "wolf", "--text", "wolf", "--out", more).code
    assert_read_as(more, "wolf", read, "wolf")


def test_library__adapter_with_a_prompt__is_an_entry_as_any(run, prompted, unlabelled, tmp_path):
    library = tmp_path / "library"
    assert not run("library", "add", library, prompted).code

    done = run("library", "predict", library, unlabelled, "--json")

    assert done.code == 0, done.err


def test_doctor__prompt_of_another_version__is_told(run, prompted):
    stored = load_adapter(prompted)
    del stored.towers["prompt/start"]
    store_adapter(prompted, stored)

    done = run("add", prompted, "wolf", "--text", "wolf")

    assert done.code == 4
    assert "the adapter's prompt lacks prompt/start" in done.err


def test_rank__adapter_with_a_prompt__reads_captions_without_it(run, prompted, adapter, unlabelled):
    # Longer than a name can be that stands behind a prompt.
    captions = ["--text", "a fox in the snow " * 30, "--text", "a heron"]

    with_prompt, without = (
        run("rank", ranked_by, unlabelled, *captions, "--json") for ranked_by in (prompted, adapter)
    )

    assert with_prompt.code == 0, with_prompt.err
    for key in ("of_pictures", "of_captions"):
        assert with_prompt.document[key] == without.document[key]
