from __future__ import annotations

import copy

import numpy as np
import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import EncoderSource
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.views import joint_columns, view_pixels

# What a feature loses on the way through a float16, as a store keeps it.
FLOAT16 = 2e-4
WORDS = ["red fox", "lynx", "grey heron"]
ARCHITECTURES = [("ViT-B-32", 512), ("RN50", 1024), ("ViT-S-32", 384)]


@pytest.fixture(scope="module", params=ARCHITECTURES, ids=lambda row: row[0])
def architecture(request):
    """open_clip's own architecture with random weights: the encoder and its width."""
    name, width = request.param
    torch.manual_seed(0)
    network = open_clip.create_model(name)
    preprocess = image_transform_v2(PreprocessCfg(**network.visual.preprocess_cfg), False)
    model = EncoderModel(network, preprocess, open_clip.get_tokenizer(name))
    source = EncoderSource(f"{name}/random", name, "random")
    return FrozenEncoder(model, source, zoom=False), width


def test_architecture__features__are_unit_rows_of_open_clip(architecture, photos):
    encoder, width = architecture

    rows = encoder.encode_images(photos[:2])

    with torch.no_grad():
        pixels = torch.stack([encoder.preprocess(photo) for photo in photos[:2]])
        expected = encoder.network.encode_image(pixels, normalize=True)
    assert (rows.shape, rows.dtype) == ((2, width), np.float32)
    np.testing.assert_allclose(rows, expected, atol=FLOAT16)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_architecture__texts__are_those_of_open_clips_zero_shot_classifier(architecture):
    encoder, _ = architecture

    templates = ("a photo of a {}.", "{}")

    encoder.templates = templates
    rows = encoder.encode_texts(WORDS[:2])

    expected = open_clip.build_zero_shot_classifier(
        encoder.network, encoder.tokenize, WORDS[:2], templates
    )
    np.testing.assert_allclose(rows, expected.T, atol=1e-5)
    assert rows.dtype == np.float32


def test_load__folder__knows_what_its_config_says_and_is_frozen(clip, clip_folder):
    assert (clip.name, clip.weights) == (str(clip_folder), clip_folder.name)
    assert clip.dim == 48
    assert clip.device == torch.device("cpu")
    assert (clip.fingerprint.encoder, clip.fingerprint.weights) == (clip.name, clip.weights)
    assert not clip.network.training
    assert not any(weight.requires_grad for weight in clip.network.parameters())


@given(size=st.integers(1, 9))
@settings(max_examples=5)
def test_images__any_batch_size__gives_the_same_features(clip, photos, size):
    together = clip.encode_images(photos, views=2)

    batched = clip.encode_images(photos, views=2, batch_size=size)

    np.testing.assert_allclose(batched, together, atol=FLOAT16)


@pytest.fixture
def paths(photos, tmp_path):
    """The photos as files."""
    for number, photo in enumerate(photos):
        photo.save(tmp_path / f"{number}.png")
    return sorted(tmp_path.iterdir())


def test_images__paths_bytes_open_pictures_and_arrays__give_the_same_to_the_last_bit(
    clip, photos, paths
):
    mixed = [str(paths[0]), paths[1].read_bytes(), paths[2], photos[3], np.array(photos[4])]
    features = clip.encode_images(mixed, views=2)

    np.testing.assert_array_equal(features, clip.encode_images(paths[:5], views=2))
    opened = [Image.open(path) for path in paths[:5]]
    np.testing.assert_array_equal(features, clip.encode_images(opened, views=2))


def test_images__unreadable__raise_or_are_outcomes_with_their_reason(clip, photos, tmp_path):
    (tmp_path / "fox.jpg").write_text("no picture")
    images = [photos[0], tmp_path / "fox.jpg", photos[1], b"", tmp_path / "none.png"]

    features, outcomes = encode_pictures(images, Pipeline(clip))

    np.testing.assert_array_equal(features, clip.encode_images(photos[:2]))
    errors = [(one.path, one.reason) for one in outcomes if isinstance(one, UnreadableImage)]
    assert errors == [
        (tmp_path / "fox.jpg", outcomes[1].reason),
        ("a picture of 0 bytes", "the file is empty"),
        (tmp_path / "none.png", "there is no such file"),
    ]
    assert outcomes[1].reason.startswith("not a picture of a known kind")
    with pytest.raises(UnreadableImage, match=r"cannot read .*fox\.jpg"):
        clip.encode_images(images[1:2])


def test_images__views__are_averaged_as_unit_features(clip, photos):
    row = clip.encode_images(photos[:1], views=4, seed=5)[0]

    views = view_pixels(photos[0], clip.look, 4, seed=5)
    total = sum(clip.encode_pixels(view)[0].double() for view in views)
    np.testing.assert_allclose(row, total / total.norm(), atol=FLOAT16)


def test_texts__templates__each_unit_then_mean_then_unit(clip):
    templates = ("{}", "a photo of a {}.", "the {}, far away")
    clip = copy.copy(clip)
    clip.templates = templates

    rows = clip.encode_texts(WORDS)

    for word, row in zip(WORDS, rows, strict=True):
        sentences = [template.replace("{}", word) for template in templates]
        with torch.no_grad():
            features = clip.network.encode_text(clip.tokenize(sentences)).double().numpy()
        mean = (features / np.linalg.norm(features, axis=1, keepdims=True)).mean(0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_fingerprint__loaded_again__keeps_its_digits_and_matches_with_two_threads(
    clip, clip_folder
):
    again = FrozenEncoder.load(str(clip_folder), device="cpu", zoom=False)
    torch.set_num_threads(2)
    try:
        other = FrozenEncoder.load(str(clip_folder), device="cpu", zoom=False)
    finally:
        torch.set_num_threads(1)

    assert again.fingerprint == clip.fingerprint
    assert other.fingerprint.matches(clip.fingerprint)


@pytest.mark.parametrize(
    ("changes", "same_weights"),
    [
        ({"quick_gelu": True}, True),
        ({"seed": 1}, False),
        ({"mean": [0, 0, 0], "std": [1, 1, 1]}, True),
    ],
    ids=["activation", "weights", "preprocessing"],
)
def test_fingerprint__of_another_encoder__does_not_match(
    clip, write_clip, tmp_path, changes, same_weights
):
    folder = write_clip(tmp_path, **changes)

    other = FrozenEncoder.load(str(folder), device="cpu", zoom=False).fingerprint

    assert other.quick_gelu == ("quick_gelu" in changes)
    assert (other.digest == clip.fingerprint.digest) == same_weights
    assert not other.matches(clip.fingerprint)


@pytest.fixture(scope="module")
def tiny() -> FrozenEncoder:
    return FrozenEncoder.load("tiny", device="cpu")


def test_tiny_128__beside_tiny__has_its_weights_and_texts_and_another_fingerprint(tiny, photos):
    small = FrozenEncoder.load("tiny-128", device="cpu")

    assert small.preprocess(photos[0]).shape == (3, 128, 128)
    assert tiny.preprocess(photos[0]).shape == (3, 224, 224)
    assert (small.fingerprint.digest, small.templates) == (tiny.fingerprint.digest, tiny.templates)
    joint = joint_columns(tiny.dim, tiny.zoom, tiny.look_blocks)
    text = tiny.encode_texts(["red fox"])[:, joint]
    np.testing.assert_allclose(small.encode_texts(["red fox"]), text, atol=1e-6)
    small_blocks = FrozenEncoder.load("tiny-128", device="cpu", blocks=("joint", "stages"))
    with pytest.raises(IncompatibleArtifact, match="the preprocessing or the architecture differs"):
        tiny.fingerprint.require_match(small_blocks.fingerprint, owner="the store birds/")
    with pytest.raises(IncompatibleArtifact, match="features are 3008 and 1024 wide"):
        tiny.fingerprint.require_match(small.fingerprint, owner="the store birds/")
