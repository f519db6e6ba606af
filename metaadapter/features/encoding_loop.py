"""The two long loops over pictures, hashing and encoding; threads read the next ones meanwhile."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image
from torch import Tensor

from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.store.recipe import Recipe
from metaadapter.features.views import view_pixels
from metaadapter.images import UnreadableImage, content_hash, decode_image

__all__ = ["EncodedBatch", "ImageEncoder", "encode_pictures", "hash_pictures"]

Item = TypeVar("Item")
Result = TypeVar("Result")

HASHES_AT_ONCE = 256
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
    def precision(self) -> str:
        """How exactly it calculates: "fp32", "bf16" or "fp16"."""

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


def hash_pictures(paths: Sequence[Path], workers: int) -> Iterator[list[str | UnreadableImage]]:
    """The content hash of each picture, or why it has none, in order, some at a time."""

    def hash_or_failure(path: Path) -> str | UnreadableImage:
        try:
            return content_hash(path)
        except UnreadableImage as error:
            return error

    ahead = 2 * HASHES_AT_ONCE
    with closing(_map_ahead(hash_or_failure, paths, workers=workers, ahead=ahead)) as hashes:
        while some := list(islice(hashes, HASHES_AT_ONCE)):
            yield some


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
    items = paths_of_hash.items()
    with closing(_map_ahead(decode, items, workers=workers, ahead=ahead)) as decoded:
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
            return _pixels(path, encoder, recipe)
        except UnreadableImage as error:
            failures.append(error)
    return failures[0]


def _pixels(
    path: Path, encoder: ImageEncoder, recipe: Recipe
) -> Float32[Tensor, "views 3 height width"]:
    picture = decode_image(path)
    try:
        return view_pixels(picture, encoder.preprocess, recipe.n_views, recipe.seed)
    except Exception as error:  # one picture that is too much must not end a run over millions
        reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
        raise UnreadableImage(path, reason) from error


def _map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, ahead: int
) -> Generator[Result, None, None]:
    """Like `map`, with `workers` threads that are up to `ahead` items in front of the reader.

    Results come in the order of the items; an exception of `function` is raised at its place.
    """
    waiting: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
