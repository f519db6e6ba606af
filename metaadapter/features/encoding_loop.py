"""The two long loops over pictures, hashing and encoding, each in several threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
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

    Each worker reads a batch and encodes it, so that decoding one overlaps with the forward pass of
    another. On a CPU the workers part torch's threads among themselves: whole batches side by side
    are a third faster than one batch on all threads, which wait for each other at every layer.

    Args:
        paths_of_hash: For each content hash the files that have it; one of them is read.
        encoder: Runs in the workers.
        recipe: How many views, and their seed.
        batch_size: Rows per batch; a batch has at least one picture.
        workers: Threads.
    """

    def encode(batch: list[tuple[str, Sequence[Path]]]) -> EncodedBatch:
        read = {
            sha256: _pixels_of_first_readable(paths, encoder, recipe) for sha256, paths in batch
        }
        pixels = {sha256: it for sha256, it in read.items() if isinstance(it, Tensor)}
        failures = {sha256: it for sha256, it in read.items() if isinstance(it, UnreadableImage)}
        features = np.empty((0, recipe.n_views, encoder.fingerprint.dim), dtype=np.float32)
        if pixels:
            rows = encoder.encode_pixels(torch.cat(list(pixels.values())))
            features = rows.numpy().reshape(len(pixels), recipe.n_views, -1)
        return EncodedBatch(list(pixels), features, failures)

    threads = torch.get_num_threads()
    share = partial(torch.set_num_threads, max(1, threads // workers))
    batches = _in_batches(paths_of_hash.items(), max(1, batch_size // recipe.n_views))
    try:
        with closing(
            _map_ahead(encode, batches, workers=workers, ahead=workers, start=share)
        ) as encoded:
            yield from encoded
    finally:
        torch.set_num_threads(threads)


def _in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


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
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    workers: int,
    ahead: int,
    start: Callable[[], None] | None = None,
) -> Generator[Result, None, None]:
    """Like `map`, with `workers` threads that are up to `ahead` items in front of the reader.

    Results come in the order of the items; an exception of `function` is raised at its place. Each
    thread calls `start` first.
    """
    waiting: deque[Future[Result]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="encode", initializer=start)
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
