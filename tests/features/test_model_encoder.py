from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from timm.data import create_transform, resolve_model_data_config

from metaadapter.data.decode import decode_image
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.image_encoder import ImageEncoder, ModelEncoder
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore

WIDTH = 512


def resnet(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return timm.create_model("resnet10t", pretrained=False, num_classes=0)


def wrap(model=None, **options) -> ModelEncoder:
    model = resnet() if model is None else model
    config = resolve_model_data_config(model) | {"input_size": (3, 64, 64)}
    preprocess = create_transform(**config, is_training=False)
    options = {"zoom": False} | options
    return ModelEncoder("resnet", model, preprocess, device="cpu", **options)


@pytest.fixture(scope="module")
def encoder() -> ModelEncoder:
    return wrap()


def test_model__features__are_its_own_scaled_to_length_1(encoder, photos):
    features = encoder.encode_images(photos)

    with torch.no_grad():
        model = resnet().eval()
        rows = torch.stack([model(encoder.preprocess(photo)[None])[0] for photo in photos])
    expected = torch.nn.functional.normalize(rows, dim=-1)
    np.testing.assert_allclose(features, expected, atol=2e-4)  # float16, as a store keeps them
    assert isinstance(encoder, ImageEncoder)
    assert encoder.dim == WIDTH


def test_model__store__holds_the_features_of_encode_images_and_no_texts(encoder, photos, tmp_path):
    rows = []
    for number, photo in enumerate(photos):
        photo.save(tmp_path / f"{number}.png")
        rows.append(ImageRow(tmp_path / f"{number}.png", ("heron", "stork")[number % 2]))

    encode_to_store(ImageTable(tuple(rows), "pictures"), encoder, tmp_path / "store")

    store = FeatureStore.open(tmp_path / "store")
    store.fingerprint.require_match(encoder.fingerprint, owner="it")
    np.testing.assert_array_equal(store.mean_features()[0], encoder.encode_images(photos))
    assert (store.classes, store.class_texts()) == (("heron", "stork"), {})
    assert store.logit_scale is None
    assert not store.texts.any()


def test_texts__of_any_length__become_unit_vectors():
    def vectors(names):
        return np.stack([np.full(WIDTH, len(name)) for name in names])

    texts = wrap(texts=vectors, logit_scale=20.0).encode_texts(["lynx", "red fox"])

    np.testing.assert_allclose(texts, np.full((2, WIDTH), WIDTH**-0.5), atol=1e-6)


def test_fingerprint__same_weights_made_again__match(encoder):
    encoder.fingerprint.require_match(wrap().fingerprint, owner="it")


@pytest.mark.parametrize(
    "other",
    [
        lambda: wrap(resnet(seed=1)),
        lambda: ModelEncoder(
            "resnet", resnet(), lambda picture: -wrap().preprocess(picture), device="cpu"
        ),
        lambda: wrap(texts=lambda names: np.ones((len(names), WIDTH))),
    ],
    ids=["weights", "preprocessing", "texts"],
)
def test_fingerprint__another_thing_computed__does_not_match(encoder, other):
    with pytest.raises(IncompatibleArtifact, match="features cannot be compared"):
        encoder.fingerprint.require_match(other().fingerprint, owner="it")


def test_own_class__four_things__are_enough(photos):
    from metaadapter.features.fingerprint import Fingerprint

    class Brightness(ImageEncoder):
        name = "brightness"

        def preprocess(self, picture):
            return torch.from_numpy(np.array(picture.resize((4, 4)))).permute(2, 0, 1) / 255

        def encode_pixels(self, batch):
            return torch.nn.functional.normalize(batch.flatten(1) + 0.1, dim=-1)

        def __init__(self):
            self.fingerprint = Fingerprint.of("brightness", np.ones(48, dtype=np.float32))

    features = Brightness().encode_images(photos)

    assert features.shape == (7, 48)
    assert not Brightness().encode_texts(["heron"]).any()
    expected = Brightness().encode_pixels(
        torch.stack([Brightness().preprocess(decode_image(photo)) for photo in photos])
    )
    np.testing.assert_allclose(features, expected, atol=2e-4)
