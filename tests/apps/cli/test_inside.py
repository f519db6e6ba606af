"""Adapters with parts in the encoder's towers, through each command that takes an adapter."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.known import calibrated
from metaadapter.adapter.weights import probabilities as probabilities_of
from metaadapter.apps.cli.adapt_output import inside_lines
from metaadapter.apps.cli.app import main
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.networks import shared_copy
from metaadapter.features.towers.config import Calibration, InsideConfig
from metaadapter.features.towers.inside import insert_inside, inside_tensors
from metaadapter.features.towers.places import find_places
from metaadapter.generator.pretrained import shared_generator
from metaadapter.labs.tuning import tune_inside as inside_module
from metaadapter.labs.tuning import tuning_step
from metaadapter.labs.tuning.choose_strength import LeftOutChoice
from metaadapter.labs.tuning.tune_inside import Inside, TunedInside
from metaadapter.workflow.fit_adapter import predict_adapter
from metaadapter.workflow.unlabelled_pictures import pool_effect

ARCHITECTURE = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
PREPROCESSING = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "shortest"}
TOWERS = "towers.safetensors"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """An encoder whose image tower has three blocks."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    tensors = open_clip.CLIP(**ARCHITECTURE).state_dict()
    save_file(
        {name: 2 * each for name, each in tensors.items()}, folder / "open_clip_model.safetensors"
    )
    config = {"model_cfg": ARCHITECTURE, "preprocess_cfg": PREPROCESSING}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def plain(labelled, clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "adapter"
    assert not main(["adapt", str(labelled), "--out", str(folder), "--encoder", str(clip)])
    return folder


@pytest.fixture(scope="module")
def made(plain, clip, tmp_path_factory):
    """By kind, the same adapter with parts in both towers that change a lot."""
    base, stored = load_encoder(str(clip), device="cpu"), load_adapter(plain)
    folder = tmp_path_factory.mktemp("inside")
    for kind, alpha in (("bottleneck", None), ("lora", 4.0)):
        network = shared_copy(base.network)
        config = InsideConfig(kind=kind, towers=("image", "text"), width=4, alpha=alpha)
        insert_inside(network, config, find_places(network))
        draw = torch.Generator().manual_seed(0)
        towers = {
            name: torch.randn(each.shape, generator=draw) if "/up" in name else each
            for name, each in inside_tensors(network).items()
        }
        facts = stored.config.model_copy(update={"inside": config})
        store_adapter(folder / kind, replace(stored, config=facts, towers=towers))
    return folder


@pytest.fixture
def inside(made):
    return made / "bottleneck"


def in_python(adapter, clip, pictures):
    """Probabilities as the adapter's card tells to compute them."""
    stored = load_adapter(adapter)
    origin = stored.config.origin
    base = load_encoder(str(clip), device="cpu", zoom=origin.zoom, blocks=origin.block_names)
    rows = adapted_encoder(base, stored).encode_images(pictures)
    return MetaAdapterClassifier.load(adapter).predict_proba(rows)


def probabilities(document):
    return [[*each["probabilities"].values()] for each in document["predictions"]]


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
def test_predict__adapter_with_parts__answers_from_the_adapted_encoder(
    run, made, plain, clip, unlabelled, kind
):
    inside = made / kind

    done = run("predict", inside, unlabelled, "--json")

    pictures = [each["path"] for each in done.document["predictions"]]
    found = probabilities(done.document)
    np.testing.assert_allclose(found, in_python(inside, clip, pictures), atol=1e-5)
    without = probabilities(run("predict", plain, unlabelled, "--json").document)
    assert np.abs(np.subtract(found, without)).max() > 0.01


def test_predict__two_adapters_after_one_another__answer_as_each_alone(
    run, inside, plain, unlabelled
):
    alone = [run("predict", each, unlabelled, "--json").document for each in (plain, inside)]

    again = [run("predict", each, unlabelled, "--json").document for each in (inside, plain)]

    assert again[::-1] == alone


def test_predict__feature_store__is_refused(run, inside, clip, unlabelled, tmp_path):
    assert not run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", clip).code

    done = run("predict", inside, tmp_path / "store")

    assert done.code == 2
    assert "has parts of its own in the encoder's towers: give the pictures" in done.err


def test_predict__together__keeps_the_parts(run, inside, unlabelled, tmp_path):
    done = run("predict", inside, unlabelled, "--together", "--out", tmp_path / "pooled")

    assert done.code == 0, done.err
    before, after = load_adapter(inside), load_adapter(tmp_path / "pooled")
    assert after.config.inside == before.config.inside
    assert after.config.n_unlabelled
    assert all(torch.equal(after.towers[name], each) for name, each in before.towers.items())


def test_predict__together__keeps_the_calibration(run, inside, unlabelled, tmp_path):
    stored = load_adapter(inside)

    def together(name, calibration):
        parts = stored.config.inside.model_copy(update={"calibration": calibration})
        config = stored.config.model_copy(update={"inside": parts})
        weights = calibrated(stored.weights, calibration)
        store_adapter(tmp_path / name, replace(stored, config=config, weights=weights))
        out = tmp_path / f"{name}-pooled"
        done = run("predict", tmp_path / name, unlabelled, "--together", "--out", out, "--json")
        assert done.code == 0, done.err
        return load_adapter(out)

    lower = Calibration(temperature=2.0, known_shift=-0.5, own_scale=1.5)
    both = together("usual", Calibration()), together("lower", lower)
    usual, found = (each.weights for each in both)
    torch.testing.assert_close(found.logit_scale, usual.logit_scale / 2)
    torch.testing.assert_close(found.known_quantiles, usual.known_quantiles - 0.5)
    torch.testing.assert_close(found.own_quantiles, 1.5 * usual.own_quantiles)
    # What the unlabelled pictures change is told of two adapters that are both calibrated.
    support, (generator, _) = both[1].support, shared_generator(stored.config.generator)
    without = calibrated(predict_adapter(generator, support.with_pool(None)), lower)
    before, after = (probabilities_of(support.pool_TUD[0], each) for each in (without, found))
    expected = float((before - after).abs().sum(-1).mean() / 2)
    assert pool_effect(both[1]).moved == pytest.approx(expected)


def test_predict__interrupted_for_another_adapter__begins_anew(
    run, inside, plain, unlabelled, tmp_path
):
    assert not run("predict", plain, unlabelled, "--csv", tmp_path / "a.csv").code
    assert not run("predict", inside, unlabelled, "--csv", tmp_path / "b.csv").code

    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "b.csv").read_bytes()


def test_add__to_an_adapter_with_parts__reads_the_name_through_them(run, inside, clip, tmp_path):
    out = tmp_path / "more"

    done = run("add", inside, "wolf", "--text", "a grey wolf", "--out", out)

    assert done.code == 0, done.err
    before, after = load_adapter(inside), load_adapter(out)
    base = load_encoder(str(clip), device="cpu", zoom=True, blocks=("joint",))
    expected = adapted_encoder(base, before).encode_texts(["a grey wolf"])[0]
    row = after.support.text_TND[0][after.config.classes.index("wolf")]
    np.testing.assert_allclose(row, expected, atol=1e-6)
    assert not np.allclose(row, base.encode_texts(["a grey wolf"])[0], atol=1e-3)
    assert all(torch.equal(after.towers[name], each) for name, each in before.towers.items())


@pytest.mark.parametrize("command", [("library", "add"), ("library", "import")])
def test_library__adapter_with_parts__is_refused_and_no_library_made(
    run, inside, tmp_path, command
):
    skill = tmp_path / "it.adapter"
    store_adapter(skill, load_adapter(inside))

    done = run(*command, tmp_path / "library", skill)

    assert done.code == 2
    assert "share the features of a plain encoder: keep it outside the library" in done.err
    assert not (tmp_path / "library").exists()


def test_library__file_with_parts_put_into_it_by_hand__is_left_out(
    run, inside, plain, unlabelled, tmp_path
):
    library = tmp_path / "library"
    assert not run("library", "add", library, plain).code
    store_adapter(library / "entries" / "other.adapter", load_adapter(inside))

    done = run("library", "predict", library, unlabelled, "--json")

    assert done.code == 0, done.err
    assert "weights inside the encoder's towers" in done.document["left_out"]["other"]


def test_export__adapter_with_parts_alone__is_refused(run, inside, tmp_path):
    done = run("export", inside, "--torch", tmp_path / "it.pt2")

    assert done.code == 2
    assert "export both together, with --pixels" in done.err
    assert not (tmp_path / "it.pt2").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
def test_export__adapter_with_parts_and_encoder__answers_as_predict(
    run, made, labelled, tmp_path, kind
):
    file = tmp_path / "it.pt2"

    done = run("export", made / kind, "--torch", file, "--pixels", "--pictures", labelled, "--json")

    assert done.code == 0, done.err
    assert done.document["files"][0]["largest_difference"] < 1e-4


def test_verify__damaged_parts__are_told(run, inside, tmp_path):
    folder = shutil.copytree(inside, tmp_path / "it")
    path = folder / TOWERS
    *content, last = path.read_bytes()
    path.write_bytes(bytes([*content, last ^ 1]))

    done = run("doctor", "--verify", folder)

    assert done.code == 3
    assert f"PROBLEM  {TOWERS}: " in done.out


@pytest.fixture
def steps(monkeypatch):
    """Says how many steps `--inside` takes, whatever left-out pictures say."""

    def take(number):
        monkeypatch.setattr(inside_module, "Inside", partial(Inside, n_steps=number))

    return take


@pytest.mark.parametrize("kind", ["bottleneck", "lora"])
def test_adapt__inside__keeps_what_was_trained_and_predicts_from_it(
    run, labelled, clip, unlabelled, tmp_path, steps, kind
):
    steps(3)
    out = tmp_path / "trained"
    more = ("--inside", "image", "--kind", kind, "--encoder", clip, "--json")

    done = run("adapt", labelled, "--out", out, *more)

    assert done.code == 0, done.err
    told = done.document["inside"]
    assert told["adapters"]["kind"] == kind
    assert told["adapters"]["n_steps"] == 3
    assert told["n_trained"] == sum(each.numel() for each in load_adapter(out).towers.values())
    assert done.document["leave_one_out"] is None
    asked = run("predict", out, unlabelled, "--json").document
    pictures = [each["path"] for each in asked["predictions"]]
    np.testing.assert_allclose(probabilities(asked), in_python(out, clip, pictures), atol=1e-5)
    seen = adapted_encoder(load_encoder(str(clip), device="cpu"), load_adapter(out))
    rows = seen.encode_images(sorted((labelled / "heron").iterdir()))
    kept = load_adapter(out).support.labelled_rows()[0][:3]
    np.testing.assert_allclose(rows, kept, atol=1e-6)


def test_adapt__inside_that_is_not_borne_out__is_the_adapter_without(
    run, labelled, clip, plain, tmp_path, steps
):
    steps(0)
    out = tmp_path / "same"

    done = run("adapt", labelled, "--out", out, "--inside", "image", "--encoder", clip)

    assert done.code == 0, done.err
    assert "inside the encoder" in done.err
    for name in ("adapter_model.safetensors", "support.safetensors"):
        assert (out / name).read_bytes() == (plain / name).read_bytes()
    assert not (out / TOWERS).exists()


def test_adapt__inside_with_a_temperature__divides_the_logits(
    run, labelled, clip, unlabelled, tmp_path, steps, monkeypatch
):
    steps(3)
    more = ("--inside", "image", "--encoder", clip, "--json")

    def adapted(name):
        done = run("adapt", labelled, "--out", tmp_path / name, *more)
        assert done.code == 0, done.err
        shares = np.log(
            probabilities(run("predict", tmp_path / name, unlabelled, "--json").document)
        )
        return shares[:, :1] - shares[:, 1:]

    usual = adapted("usual")
    trained = tuning_step.tune_inside

    def too_sure(*args, **kwargs):
        tuned = trained(*args, **kwargs)
        return replace(
            tuned,
            config=tuned.config.model_copy(update={"calibration": Calibration(temperature=1.6)}),
        )

    monkeypatch.setattr(tuning_step, "tune_inside", too_sure)
    np.testing.assert_allclose(usual, 1.6 * adapted("warm"), rtol=1e-3, atol=1e-4)


def test_inside_told__equal_accuracy__log_losses_tell_why_the_parts_are_kept():
    said = LeftOutChoice(
        0.5, Calibration(), 8, {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}, {0.0: 0.4, 0.5: 0.25, 1.0: 0.3}
    )
    config = InsideConfig(kind="lora", towers=("image",), width=8, alpha=16.0, n_steps=3)

    told = " ".join(inside_lines(TunedInside({}, config, said, 100, 2.0)))

    assert "at 50% of what was trained: LoRA of rank 8 in blocks of the image tower" in told
    assert "trained with 3 gradient steps" in told
    assert "100.0% are predicted correctly with such adapters, 100.0% without" in told
    assert "log loss is 0.250 with them, 0.400 without" in told


def test_inside_told__tower_that_stays__says_what_left_out_pictures_said():
    said = LeftOutChoice(0.0, Calibration(), 8, {0.0: 1.0, 0.5: 1.0}, {0.0: 0.2, 0.5: 0.25})

    (told,) = inside_lines(TunedInside({}, None, said, 100, 2.0))

    assert "their log loss is 0.250 with them, 0.200 without; it stays as it is" in told


def test_adapt__inside__asks_pictures_that_were_left_out(run, labelled, clip, tmp_path):
    more = ("--inside", "image", "--encoder", clip, "--json")

    done = run("adapt", labelled, "--out", tmp_path / "it", *more)

    told = done.document["inside"]
    assert 0 < told["left_out"]["n"] <= done.document["n_pictures"]
    assert (told["adapters"] is None) == (told["left_out"]["strength"] == 0)
    assert (told["adapters"] is None) == (done.document["leave_one_out"] is not None)


def test_adapt__inside_with_unlabelled_pictures__sees_them_through_the_parts(
    run, labelled, clip, unlabelled, tmp_path, steps
):
    steps(2)
    out = tmp_path / "pooled"
    more = ("--inside", "image", "--encoder", clip, "--unlabelled", unlabelled)

    done = run("adapt", labelled, "--out", out, *more)

    assert done.code == 0, done.err
    stored = load_adapter(out)
    seen = adapted_encoder(load_encoder(str(clip), device="cpu"), stored)
    rows = seen.encode_images(sorted(unlabelled.iterdir()))
    np.testing.assert_allclose(stored.support.pool_TUD[0], rows, atol=2e-3)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--kind", "lora"), "--kind says what --inside trains"),
        (("--inside", "image", "--precision", "bf16"), "--inside trains in fp32"),
        (("--inside", "image", "--encoder", "mine.py:it"), "the encoder mine.py:it is of your own"),
        (("--inside", "image", "--unlabelled", "STORE"), "--unlabelled .* is a feature store"),
        (("--inside", "image", "--background", "STORE"), "--background .* is a feature store"),
    ],
)
def test_adapt__what_does_not_go_with_inside__is_refused_before_encoding(
    run, labelled, clip, tmp_path, more, told
):
    if "STORE" in more:
        assert not run("encode", labelled, "--out", tmp_path / "s", "--encoder", clip).code
        more = [tmp_path / "s" if each == "STORE" else each for each in more]

    done = run("adapt", labelled, "--out", tmp_path / "it", *more)

    assert done.code == 2
    assert re.search(told, done.err)
    assert not (tmp_path / "it").exists()


def test_adapt__inside_from_a_feature_store__is_refused(run, labelled, clip, tmp_path):
    assert not run("encode", labelled, "--out", tmp_path / "s", "--encoder", clip).code

    done = run("adapt", tmp_path / "s", "--out", tmp_path / "it", "--inside", "image")

    assert done.code == 2
    assert "is a feature store, and --inside changes the features" in done.err


def test_places__of_an_encoder__are_listed(run, clip):
    done = run("doctor", "--places", clip)

    assert done.code == 0
    assert done.out.splitlines()[0].split("\t") == [
        "image",
        "visual.transformer.resblocks.0",
        "17 × 32 (tokens)",
        "yes",
    ]
    assert "4 places (image 3, text 1)" in done.err


def test_places__of_an_encoder_of_ones_own__are_refused(run, tmp_path):
    file = Path(tmp_path, "mine.py")
    file.write_text(
        "import torch\nfrom metaadapter.features import ModelEncoder\n"
        "from torchvision.transforms.functional import to_tensor\n"
        "class Mean(torch.nn.Module):\n"
        "    def forward(self, pixels):\n        return pixels.mean((2, 3)) + 0.1\n"
        "def make():\n    return ModelEncoder('own', Mean(), to_tensor, zoom=False, device='cpu')\n"
    )

    done = run("doctor", "--places", f"{file}:make")

    assert done.code == 2
    assert "only models of open_clip have places for" in done.err
