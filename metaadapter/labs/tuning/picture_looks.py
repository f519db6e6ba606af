"""The looks at labelled pictures for training, cached up to the first adapted block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import ImageInput
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import join_looks, view_pixels
from metaadapter.labs.tuning.cached_blocks import CachedBlocks

LOOKS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class PictureLooks:
    """L looks at each of V views of n pictures; view 0 is the picture itself."""

    cache: CachedBlocks
    numbers_nVL: Int[Tensor, "n V L"]
    """The number of each look in the cache."""

    @torch.no_grad()
    def rows(self) -> Float[Tensor, "n D"]:
        """The features of the pictures themselves, by the encoder in its current state."""
        numbers = self.numbers_nVL[:, 0]
        n_looks = numbers.shape[1]
        features = [
            self.cache.features(batch.flatten()).reshape(len(batch), n_looks, -1)
            for batch in torch.split(numbers, max(1, LOOKS_AT_ONCE // n_looks))
        ]
        return _joined(torch.cat(features))

    def drawn(self, pictures: Int[Tensor, " b"], draw: torch.Generator) -> Float[Tensor, "b D"]:
        """The features of one look at a random view of each picture, used as all of its looks.

        One look takes half the time of two, and varies more from draw to draw.
        """
        _, n_views, n_looks = self.numbers_nVL.shape
        views, looks = (
            torch.randint(n, (len(pictures),), generator=draw) for n in (n_views, n_looks)
        )
        features = self.cache.features(self.numbers_nVL[pictures, views, looks])
        return _joined(features[:, None].expand(-1, n_looks, -1))


def cache_looks(
    pictures: Sequence[ImageInput],
    encoder: ImageEncoder,
    cache: CachedBlocks,
    n_views: int,
    *,
    seed: int,
    progress: Callable[[int], None],
) -> PictureLooks:
    """Cache the looks at each picture and at `n_views` − 1 random crops, half of them mirrored.

    `progress` is called with the number of finished pictures.

    Raises:
        UnreadableImage: A picture cannot be read.
    """
    waiting: list[Tensor] = []
    for number, picture in enumerate(pictures, 1):
        waiting.append(
            view_pixels(decode_image(picture), encoder.look, n_views, seed).flatten(0, 1)
        )
        if number == len(pictures) or sum(map(len, waiting)) >= LOOKS_AT_ONCE:
            for batch in torch.split(torch.cat(waiting), LOOKS_AT_ONCE):
                cache.add(batch)
            waiting = []
            progress(number)
    return PictureLooks(cache, torch.arange(len(cache)).reshape(len(pictures), n_views, -1))


def _joined(looks: Float[Tensor, "n L width"]) -> Float[Tensor, "n D"]:
    weights = torch.from_numpy(join_looks(np.ones((1, looks.shape[1], 1), np.float32)))[0]
    # On the CPU, where the labels are; the work on rows is small compared with the tower.
    return (looks.cpu() * weights[:, None]).flatten(1)
