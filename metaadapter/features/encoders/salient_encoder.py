"""An encoder that looks at what stands out in a picture, and at the whole.

In a frame of a camera trap the animal is small, and the surroundings are most of a picture's
features. Where the trunk of `tiny`, pooled at one place of its last map alone, moves far from the
mean of all pictures, something stands out (docs/explanation/looks.md has the measurements).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from scipy.ndimage import label as components
from torch import Tensor, nn

from metaadapter.data.crop import Box, cut_out
from metaadapter.errors import UsageError
from metaadapter.features.encoders.encoder_source import SALIENT
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.fingerprint import Fingerprint, probe_picture
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import unit_rows
from metaadapter.files.checksums import content_hash

# The shorter sides of a picture at which the trunk maps it: large things, and small ones.
SIDES = (160, 320)
# A place of the map has so many pixels, and a panorama is narrowed to so many shorter sides.
STRIDE, LONGEST = 32, 4
LEAST = 0.6
"""A place stands out with this part of the way from the map's median to its largest value."""
WHOLE_WEIGHT = 0.5
"""The weight of the whole picture's features; the cut part has 1."""


@final
class SalientEncoder(ImageEncoder):
    """Cuts out what stands out in a picture, and adds half of the whole picture's features.

    Args:
        encoder: The encoder of both parts, of any kind; its looks and blocks stay as they are.
    """

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder
        self.name = SALIENT + encoder.name
        self.device = getattr(encoder, "device", torch.device("cpu"))
        self._tiny = FrozenEncoder.load("tiny", device=str(self.device), blocks=("joint",))
        self.preprocess, self.zoom = encoder.preprocess, encoder.zoom
        self.look_blocks, self.precision = encoder.look_blocks, encoder.precision
        self.logit_scale, self.templates = encoder.logit_scale, encoder.templates
        own = encoder.fingerprint
        digests = f"{SALIENT} {own.digest} {self._tiny.fingerprint.digest}"
        self.fingerprint = Fingerprint.of(
            self.name,
            self.encode_looks(self.look(probe_picture())[None])[0],
            weights=own.weights,
            digest=content_hash(digests)[:16],
            quick_gelu=own.quick_gelu,
        )

    def look(self, picture: Image.Image) -> Float32[Tensor, "looks 3 height width"]:
        """Preprocess the looks at the salient part of an upright RGB picture, then at the whole."""
        part = cut_out(picture, self.salient_part(picture))
        return torch.cat([self._encoder.look(part), self._encoder.look(picture)])

    def salient_part(self, picture: Image.Image) -> Box:
        """Return the box around what stands out most in an upright RGB picture."""
        return salient_box([self._distances(picture, side) for side in SIDES])

    def encode_looks(
        self, batch: Float[Tensor, "batch looks 3 height width"]
    ) -> Float32[np.ndarray, "batch dim"]:
        """Encode pictures, each given by the looks at both parts, to unit rows."""
        n, n_looks, *shape = batch.shape
        rows = self._encoder.encode_looks(batch.reshape(2 * n, n_looks // 2, *shape))
        rows = rows.reshape(n, 2, -1)
        return unit_rows(rows[:, 0] + WHOLE_WEIGHT * rows[:, 1])

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Encode single looks to unit rows on the CPU."""
        return self._encoder.encode_pixels(batch)

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Encode class names to unit rows, as the encoder of the parts does."""
        return self._encoder.encode_texts(names)

    @property
    def reads_texts(self) -> bool:
        """Whether the encoder of the parts reads texts."""
        return self._encoder.reads_texts

    def image_network(self) -> nn.Module:
        """Raise a `UsageError`, because the search for the salient part cannot be exported."""
        raise UsageError(
            f"the encoder {self.name} cuts out a part of each picture, which cannot be exported; "
            f"make the adapter with --encoder {self._encoder.name}, or export only the adapter"
        )

    @torch.inference_mode()
    def _distances(self, picture: Image.Image, side: int) -> Float[np.ndarray, "rows columns"]:
        """The distance of each place of the trunk's map from the mean of all pictures."""
        visual: Any = self._tiny.network.visual
        scale = side / min(picture.size)
        longest = LONGEST * side
        size = [
            max(round(min(length * scale, longest) / STRIDE), 1) * STRIDE for length in picture.size
        ]
        resized = picture.resize((size[0], size[1]), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(resized, dtype=np.float32) / 255)
        mean, deviation = map(torch.tensor, (visual.image_mean, visual.image_std))
        pixels = ((pixels - mean) / deviation).permute(2, 0, 1)[None].to(self.device)
        places = visual.trunk.forward_features(pixels)[0].permute(1, 2, 0)
        distances: Tensor = visual.head(places).norm(dim=-1)
        return distances.float().cpu().numpy()


def salient_box(maps: Sequence[Float[np.ndarray, "_ _"]]) -> Box:
    """Return the box around the connected places that stand out most in maps of one picture.

    The maps are smoothed, each divided by its mean, brought to the size of the last one, and added.
    A flat map gives the whole picture.
    """
    total: np.ndarray = np.zeros(maps[-1].shape)
    for values in maps:
        smooth = gaussian_filter(values.astype(np.float64), 1, mode="nearest")
        factors = np.divide(total.shape, smooth.shape)
        grown: np.ndarray = zoom(smooth, factors, order=1, grid_mode=True, mode="nearest")
        total += grown / max(grown.mean(), np.finfo(float).tiny)
    middle = np.median(total)
    numbers: np.ndarray = components(total >= middle + LEAST * (total.max() - middle))[0]
    rows, columns = np.nonzero(numbers == numbers.flat[total.argmax()])
    height, width = total.shape
    return Box.of_corners(
        columns.min() / width,
        rows.min() / height,
        (columns.max() + 1) / width,
        (rows.max() + 1) / height,
    )
