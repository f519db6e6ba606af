"""The loop that keeps the encoder busy: threads decode the next pictures meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from metaadapter.images import UnreadableImage, decode_image

from .fingerprint import Fingerprint
from .prefetch import map_ahead
from .recipe import Recipe
from .views import view_pixels

__all__ = ["EncodedBatch", "ImageEncoder", "encode_pictures"]

# Batches of decoded pictures that wait for the encoder.
BATCHES_AHEAD = 2


@runtime_checkable
class ImageEncoder(Protocol):
    """What extraction asks of an encoder; `FrozenEncoder` is one."""

    @property
    def name(self) -> str:
        """As `FrozenEncoder.load` takes it."""

    @property
    def fingerprint(self) -> Fingerprint:
        """What the encoder computes."""

    @property
    def logit_scale(self) -> float:
        """Logits are this times the cosine."""

    @property
    def templates(self) -> tuple[str, ...]:
        """Prompts over which `encode_texts` averages."""

    @property
    def preprocess(self) -> Callable[[Image.Image], Tensor]:
        """From a picture to (3, H, W)."""

    def encode_pixels(self, batch: Tensor) -> Tensor:
        """Unit rows (n, dim) of pictures (n, 3, H, W)."""

    def encode_texts(self, names: Sequence[str]) -> np.ndarray:
        """Unit rows (n, dim)."""


class EncodedBatch(NamedTuple):
    """Pictures of a batch by content hash: those that were encoded, and the others."""

    hashes: list[str]
    features: Float32[np.ndarray, "pictures views dim"]
    failures: dict[str, UnreadableImage]


def encode_pictures(
    paths_of_hash: Mapping[str, Sequence[Path]],
    encoder: ImageEncoder,
    recipe: Recipe,
    batch_size: int,
    workers: int,
) -> Iterator[EncodedBatch]:
    """Encode pictures in their order, batch by batch.

    Args:
        paths_of_hash: For each content hash the files that have it; one of them is read.
        encoder: Runs in the calling thread.
        recipe: How many views, and their seed.
        batch_size: Rows per batch; a batch has at least one picture.
        workers: Threads that decode.
    """

    def decode(item: tuple[str, Sequence[Path]]) -> tuple[str, Tensor | UnreadableImage]:
        sha256, paths = item
        return sha256, _pixels_of_first_readable(paths, encoder, recipe)

    n_views = recipe.n_views
    per_batch = max(1, batch_size // n_views)
    ahead = BATCHES_AHEAD * per_batch
    with closing(map_ahead(decode, paths_of_hash.items(), workers=workers, ahead=ahead)) as decoded:
        while batch := list(islice(decoded, per_batch)):
            pixels = {sha256: it for sha256, it in batch if isinstance(it, Tensor)}
            failures = {sha256: it for sha256, it in batch if isinstance(it, UnreadableImage)}
            features = np.empty((0, n_views, encoder.fingerprint.dim), dtype=np.float32)
            if pixels:
                rows = encoder.encode_pixels(torch.cat(list(pixels.values())))
                features = rows.numpy().reshape(len(pixels), n_views, -1)
            yield EncodedBatch(list(pixels), features, failures)


def _pixels_of_first_readable(
    paths: Sequence[Path], encoder: ImageEncoder, recipe: Recipe
) -> Float32[Tensor, "views 3 height width"] | UnreadableImage:
    # Equal files at several paths: one of them may have been deleted since it was hashed.
    failures = []
    for path in paths:
        try:
            return view_pixels(decode_image(path), encoder.preprocess, recipe.n_views, recipe.seed)
        except UnreadableImage as error:
            failures.append(error)
    return failures[0]
