from __future__ import annotations

from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load

from metaadapter import MetaAdapterClassifier
from metaadapter.adapter.adapted_encoder import adapted_encoder, with_towers
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.known import FRACTIONS
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import EncoderSource
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.image_encoder import ModelEncoder
from metaadapter.features.networks import shared_copy
from metaadapter.features.origin import Origin
from metaadapter.features.towers.config import Calibration, InsideConfig
from metaadapter.features.towers.inside import Bottleneck, insert_inside, inside_tensors
from metaadapter.features.towers.places import find_places
from tests.random_networks import VIT, random_clip, unchanged

FILE = "towers.safetensors"


def preprocess(picture):
    pixels = np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def small_clip(seed=0):
    """An encoder with random weights, always the same for a seed."""
    network = random_clip(VIT, seed=seed)
    tokenize = open_clip.SimpleTokenizer(context_length=16)
    source = EncoderSource("small", "small", "random")
    return FrozenEncoder(EncoderModel(network, preprocess, tokenize), source, zoom=False)


@pytest.fixture(scope="module")
def clip():
    return small_clip()


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    return [Image.fromarray(rows).resize((60, 50), Image.Resampling.BICUBIC) for rows in pixels]


def stored_with(encoder, seed):
    """An adapter with parts in the image tower that are no identity."""
    network = shared_copy(encoder.network)
    inside = InsideConfig(width=4, n_steps=7)
    insert_inside(network, inside, find_places(network), seed=seed)
    draw = torch.Generator().manual_seed(seed)
    tensors = {
        name: torch.randn(tensor.shape, generator=draw) if "/up" in name else tensor
        for name, tensor in inside_tensors(network).items()
    }
    config = AdapterConfig(
        classes=["fox", "lynx"],
        width=encoder.dim,
        n_shots=[1, 1],
        mode="one_shot",
        generator="closed-form",
        generator_id="0123456789ab",
        origin=Origin(encoder=encoder.name, fingerprint=encoder.fingerprint),
        inside=inside,
    )
    weights = AdapterWeights.zero_shot(torch.eye(2, encoder.dim), 15.0)
    return StoredAdapter(weights, config, None, towers=tensors)


@pytest.fixture(scope="module")
def stored(clip):
    return stored_with(clip, 0)


@pytest.fixture(scope="module")
def plain(stored):
    """The same adapter without parts in the encoder."""
    return replace(stored, config=stored.config.model_copy(update={"inside": None}), towers={})


def answers(encoder, pictures):
    return encoder.encode_images(pictures), encoder.encode_texts(["a fox", "a lynx"])


def fitted(encoder, pictures, labels=("fox", "lynx")):
    """The features of the pictures, and a classifier of them whose labels are its names."""
    rows, names = encoder.encode_images(pictures), {label: label for label in labels}
    return rows, MetaAdapterClassifier(names, encoder=encoder).fit(rows, [*labels])


def test_adapted__by_nothing__has_the_features_to_the_bit_and_another_fingerprint(clip, pictures):
    def change(network):
        insert_inside(network, InsideConfig(width=4), find_places(network))

    same = clip.adapted(change, "new")

    for expected, result in zip(answers(clip, pictures), answers(same, pictures), strict=True):
        np.testing.assert_array_equal(expected, result)
    assert not clip.fingerprint.matches(same.fingerprint)
    assert clip.fingerprint.probe == same.fingerprint.probe
    assert not clip.fingerprint.matches(clip.adapted(change, "other").fingerprint)


def test_adapted_encoder__of_an_adapter_without_parts__is_the_base(clip, plain):
    assert adapted_encoder(clip, plain) is clip


def test_adapted_encoders__of_two_adapters_over_one_base__answer_as_each_alone(
    clip, stored, pictures
):
    other = stored_with(clip, 1)
    base = answers(clip, pictures)
    alone = [
        answers(adapted_encoder(small_clip(), adapter), pictures) for adapter in (stored, other)
    ]

    both = [adapted_encoder(clip, adapter) for adapter in (stored, other)]

    for _ in range(2):
        for encoder, expected in zip(both, alone, strict=True):
            for rows, result in zip(expected, answers(encoder, pictures), strict=True):
                np.testing.assert_array_equal(rows, result)
    for rows, result in zip(base, answers(clip, pictures), strict=True):
        np.testing.assert_array_equal(rows, result)
    assert not np.allclose(alone[0][0], alone[1][0], atol=1e-2)
    assert not np.allclose(alone[0][0], base[0], atol=1e-2)


def test_adapted_encoder__holds_no_weight_of_the_base_twice(clip, stored):
    adapted = adapted_encoder(clip, stored)

    base = {tensor.data_ptr() for tensor in clip.network.parameters()}
    own = [tensor for tensor in adapted.network.parameters() if tensor.data_ptr() not in base]
    assert sum(tensor.numel() for tensor in own) == sum(
        tensor.numel() for tensor in stored.towers.values()
    )
    assert not any(isinstance(module, Bottleneck) for module in clip.network.modules())


def test_adapted_encoder__of_another_base__is_refused(clip, stored):
    other = small_clip(seed=1)
    with_parts = with_towers(other, stored.towers, inside=stored.config.inside)

    for base in (other, with_parts, adapted_encoder(clip, stored_with(clip, 1))):
        with pytest.raises(IncompatibleArtifact, match="adapter of fox, lynx was made with the"):
            adapted_encoder(base, stored)


def test_adapted_encoder__of_a_model_of_ones_own__is_refused(stored):
    class Mean(torch.nn.Module):
        def forward(self, pixels):
            return pixels.mean((2, 3)) + 0.1

    own = ModelEncoder("own", Mean(), preprocess, zoom=False, device="cpu")

    with pytest.raises(UsageError, match="the encoder own is of your own; use the encoder small"):
        adapted_encoder(own, stored)


BLOCK = "inside/visual.transformer.resblocks.0"


def bottleneck(place, width, hidden=2):
    return {
        f"{place}/down.weight": torch.ones(hidden, width),
        f"{place}/down.bias": torch.ones(hidden),
        f"{place}/up.weight": torch.ones(width, hidden),
        f"{place}/up.bias": torch.ones(width),
    }


@pytest.mark.parametrize(
    "towers",
    [
        bottleneck(BLOCK, 9),  # as wide as no block is
        bottleneck(f"{BLOCK}.attn", 32),  # whose output is no tensor
        bottleneck("inside/visual.proj", 24),
        {f"{BLOCK}/down.weight": torch.ones(2, 32)},
        {"inside/": torch.ones(2, 2)},
        {BLOCK: torch.ones(2)},
    ],
)
def test_adapted_encoder__of_forged_parts__is_refused(clip, stored, towers):
    message = r"fit the encoder|'down.weight' is missing"

    with unchanged(clip.network), pytest.raises(IncompatibleArtifact, match=message):
        adapted_encoder(clip, replace(stored, towers=towers))


@pytest.mark.parametrize("name", ["folder", "skill.adapter"])
def test_store__adapter_with_parts__comes_back_to_the_bit(clip, stored, pictures, tmp_path, name):
    store_adapter(tmp_path / name, stored)

    again = load_adapter(tmp_path / name)

    assert again.config == stored.config
    assert again.towers.keys() == stored.towers.keys()
    assert all(torch.equal(again.towers[part], stored.towers[part]) for part in stored.towers)
    one, other = adapted_encoder(clip, stored), adapted_encoder(clip, again)
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(one.encode_images(pictures), other.encode_images(pictures))


def test_store__over_an_adapter_with_parts__leaves_none_of_them(stored, plain, tmp_path):
    store_adapter(tmp_path, stored)

    store_adapter(tmp_path, plain)

    assert not (tmp_path / FILE).exists()
    assert not load_adapter(tmp_path).towers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda _: {}, "towers.safetensors has 0 weights, but .* describes bottlenecks of 4"),
        (
            lambda parts: parts | {min(parts): torch.nan * parts[min(parts)]},
            "a weight in towers.safetensors is NaN or infinite",
        ),
    ],
    ids=["none", "no numbers"],
)
def test_load__parts_that_cannot_be__are_refused(
    stored, tmp_path, replace_tensors, change, message
):
    store_adapter(tmp_path, stored)
    replace_tensors(tmp_path / FILE, change(load((tmp_path / FILE).read_bytes())))

    with pytest.raises(DataError, match=message):
        load_adapter(tmp_path)


def test_classifier__loaded_with_the_base__reads_names_through_the_parts(clip, stored, tmp_path):
    store_adapter(tmp_path, stored)

    classifier = MetaAdapterClassifier.load(tmp_path, encoder=clip)

    assert classifier.encoder.fingerprint == adapted_encoder(clip, stored).fingerprint
    again = MetaAdapterClassifier.load(tmp_path, encoder=classifier.encoder)
    assert again.encoder is classifier.encoder


def test_classifier__saved_again__keeps_the_parts_until_it_is_fitted(clip, stored, tmp_path):
    store_adapter(tmp_path / "first", stored)
    classifier = MetaAdapterClassifier.load(tmp_path / "first")

    classifier.save(tmp_path / "second")
    rows = np.random.default_rng(0).standard_normal((4, clip.dim))
    classifier.set_params(class_texts=None).fit(rows, ["fox", "lynx"] * 2).save(tmp_path / "third")

    second, third = load_adapter(tmp_path / "second"), load_adapter(tmp_path / "third")
    assert second.config.inside == stored.config.inside
    assert all(torch.equal(second.towers[name], tensor) for name, tensor in stored.towers.items())
    assert third.config.inside is None
    assert not third.towers


def test_classifier__fitted_with_an_adapted_encoder__is_saved_with_its_parts(
    clip, stored, pictures, tmp_path
):
    rows, classifier = fitted(adapted_encoder(clip, stored), pictures)

    classifier.save(tmp_path)

    again = load_adapter(tmp_path)
    assert again.config.origin.fingerprint == clip.fingerprint
    assert again.config.inside == stored.config.inside
    result = adapted_encoder(small_clip(), again).encode_images(pictures)
    np.testing.assert_array_equal(rows, result)


def test_classifier__fitted_with_an_adapted_encoder__has_the_temperature_of_its_training(
    clip, stored, pictures
):
    warm = stored.config.inside.model_copy(update={"calibration": Calibration(temperature=1.6)})

    def shares(inside):
        rows, classifier = fitted(with_towers(clip, stored.towers, inside=inside), pictures, "ab")
        return np.log(classifier.predict_proba(rows))

    usual, flat = (
        logits[:, 0] - logits[:, 1] for logits in map(shares, (stored.config.inside, warm))
    )
    assert np.abs(usual).min() > 1e-3
    np.testing.assert_allclose(usual, 1.6 * flat, rtol=1e-5)


def test_classifier__fitted_or_given_a_class_more__has_the_thresholds_of_the_training(
    clip, stored, pictures
):
    lower = Calibration(known_shift=-0.7, own_scale=1.5)
    of_training = stored.config.inside.model_copy(update={"calibration": lower})

    def heads(inside):
        rows, classifier = fitted(with_towers(clip, stored.towers, inside=inside), pictures, "ac")
        yield classifier.adapter_
        yield classifier.add_class("b", rows[:1] + 0.1).adapter_

    for usual, result in zip(heads(stored.config.inside), heads(of_training), strict=True):
        shifted = usual.known_quantiles - 0.7
        torch.testing.assert_close(result.known_quantiles, shifted)
        torch.testing.assert_close(result.own_quantiles, 1.5 * usual.own_quantiles)
        threshold = shifted[FRACTIONS.index(0.95)].sigmoid()
        torch.testing.assert_close(result.reject_threshold, threshold)
        torch.testing.assert_close(result.classes, usual.classes)
