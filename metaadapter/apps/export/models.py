"""The exported modules: an adapter alone, or an adapter with its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor, nn
from torch.nn.functional import normalize

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.known import (
    known_and_unfamiliar,
    known_logits,
    known_threshold,
    place_of_none,
)
from metaadapter.adapter.weights import AdapterWeights, classify, shares_of, shown_labels
from metaadapter.apps.export.picture_pixels import PicturePixels
from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import join_looks, n_looks

METADATA_KEY = "metaadapter"
"""The key of the facts in the metadata of a file."""
OUTPUTS = ("probabilities", "known", "unfamiliar")
"""The outputs of an exported adapter for n rows, in this order.

The probabilities of the N classes, which sum to 1 (n, N); the probability of known (n,); and
whether the picture is unfamiliar (n,), both as in a `Prediction`. An adapter without a head for
known pictures has only the first output.
"""
OUTPUTS_OF_SEVERAL = ("probabilities", "shown")
"""The outputs of an adapter of several labels: the probability of each class by itself (n, N), and
whether it is at least the threshold of the class (n, N)."""

FRIGATE_SIDE, MOST_BYTE = 224, 255
"""The side of the pictures that Frigate 0.17 gives a model, and the byte of probability 1."""


@final
class FeatureModel(nn.Module):
    """An adapter in float32 whose input is the features of its encoder."""

    def __init__(self, weights: AdapterWeights, classes: Sequence[object]) -> None:
        super().__init__()
        self.none = place_of_none(classes)
        for name, tensor in weights.to(device="cpu", dtype=torch.float32).tensors().items():
            self.register_buffer(name, tensor.contiguous())
        self.outputs: tuple[str, ...] = OUTPUTS if weights.known_head is not None else OUTPUTS[:1]
        if weights.label_thresholds is not None:
            self.outputs = OUTPUTS_OF_SEVERAL

    def forward(self, features: Float32[Tensor, "n D"]) -> tuple[Tensor, ...]:
        """Return the outputs that the adapter has, named by `self.outputs`."""
        unit, weights = normalize(features, dim=-1), AdapterWeights(**dict(self.named_buffers()))
        logits = classify(unit, weights)
        shares = shares_of(logits, weights)
        if weights.label_thresholds is not None:
            return shares, shown_labels(shares, weights)
        if weights.known_head is None:
            return (shares,)
        known = known_logits(unit, weights, logits).sigmoid()
        threshold = known_threshold(weights)
        return shares, *known_and_unfamiliar(shares, known, threshold, self.none)


@final
class PictureModel(nn.Module):
    """An adapter with its encoder on the CPU, whose input is decoded pictures.

    A `square` model takes pictures of `square_side` times `square_side` pixels and no others. One
    for `frigate` also has no output but probabilities, from 0 to 255.
    """

    lengths: Tensor

    def __init__(
        self,
        weights: AdapterWeights,
        config: AdapterConfig,
        encoder: ImageEncoder,
        *,
        square: bool = False,
        frigate: bool = False,
    ) -> None:
        super().__init__()
        if frigate and weights.label_thresholds is not None:
            raise UsageError(
                "Frigate gives an object one class, and this adapter has several labels for a "
                "picture; adapt with one label for each picture"
            )
        if config.origin.n_views > 1:
            raise UsageError(
                f"the adapter averages {config.origin.n_views} views of each picture. Views are "
                "random crops, which other programs cannot repeat; export without --pixels, or "
                "adapt again with views=1"
            )
        side = FRIGATE_SIDE if frigate else None
        self.pixels, self.frigate = PicturePixels(encoder, square=square, side=side), frigate
        self.square_side = self.pixels.square_side
        self.network = encoder.image_network()
        ones = np.ones((1, n_looks(encoder.zoom), 1), dtype=np.float32)
        self.register_buffer("lengths", torch.from_numpy(join_looks(ones))[0, :, None])
        self.adapter = FeatureModel(weights, config.classes)
        self.outputs = OUTPUTS[:1] if frigate else (*self.adapter.outputs, "features")

    def forward(self, pictures: UInt8[Tensor, "n height width 3"]) -> tuple[Tensor, ...]:
        """Return the outputs of the adapter, then the features of the pictures."""
        looks = self.pixels(pictures)
        rows = self.network(looks.flatten(0, 1)).unflatten(0, (-1, len(self.lengths)))
        # The features that the adapter was predicted from were rounded to half precision too.
        features = normalize((rows * self.lengths).flatten(1).half().float(), dim=-1)
        answers = self.adapter(features)
        if self.frigate:
            # It publishes quotients of the outputs as JSON, which has no single precision.
            return ((MOST_BYTE * answers[0] + 0.5).floor().to(torch.uint8),)
        return (*answers, features)
