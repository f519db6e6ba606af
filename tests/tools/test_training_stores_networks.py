from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoder import FrozenEncoder
from tools.training_stores_networks import layers, pooling


def test_pooling__tiny__gives_a_cone_that_its_own_features_cannot_join():
    tiny = FrozenEncoder.load("tiny", device="cpu")
    tones = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]

    pooled = pooling(tiny)
    features = pooled.encode_images(tones)

    assert features.shape == (2, 1280)
    assert features.min() >= 0
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-6)
    assert tiny.encode_images(tones).shape == (2, 2 * (512 + 992))
    with pytest.raises(IncompatibleArtifact, match="wide"):
        pooled.fingerprint.require_match(tiny.fingerprint, owner="the store")


def test_layers__slow_loop_over_the_first_layer__gives_the_same_features():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    encoder = layers()

    feature, again = encoder.encode_images([pixels])[0], layers().encode_images([pixels])[0]

    np.testing.assert_array_equal(feature, again)
    assert feature.shape == (4 * (64 + 128 + 256),)
    filters = next(encoder.image_network().buffers()).numpy()
    picture = encoder.preprocess(Image.fromarray(pixels)).numpy()
    responses = np.array(
        [
            [
                np.maximum((filters * picture[:, y : y + 7, x : x + 7]).sum((1, 2, 3)), 0)
                for x in range(0, 58, 2)
            ]
            for y in range(0, 58, 2)
        ]
    )
    # Adaptive pooling of 29 places in halves that overlap by one.
    halves = slice(0, 15), slice(14, 29)
    means = np.stack(
        [responses[rows, columns].mean((0, 1)) for rows in halves for columns in halves]
    )
    first = means.T.ravel()
    np.testing.assert_allclose(
        feature[:256] / np.linalg.norm(feature[:256]), first / np.linalg.norm(first), atol=1e-3
    )
