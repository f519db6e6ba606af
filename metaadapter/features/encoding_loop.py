"""The two long loops over pictures, hashing and encoding, each in several threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import view_pixels
from metaadapter.images import UnreadableImage, content_hash, decode_image
from metaadapter.images.inputs import Picture, name_of

__all__ = ["EncodedBatch", "encode_batches", "hash_pictures"]

Item = TypeVar("Item")
Result = TypeVar("Result")

HASHES_AT_ONCE = 256


class EncodedBatch(NamedTuple):
    """The pictures of a batch by content hash: those that were encoded, and the others."""

    hashes: list[str]
    features: Float16[np.ndarray, "pictures views dim"]
    failures: dict[str, UnreadableImage]


def hash_pictures(
    pictures: Sequence[Picture], workers: int
) -> Iterator[list[str | UnreadableImage]]:
    """The content hash of each picture, or why it has none, in order, some at a time."""

    def hash_or_failure(picture: Picture) -> str | UnreadableImage:
        try:
            return content_hash(picture)
        except UnreadableImage as error:
            return error

    ahead = 2 * HASHES_AT_ONCE
    with closing(_map_ahead(hash_or_failure, pictures, workers=workers, ahead=ahead)) as hashes:
        while some := list(islice(hashes, HASHES_AT_ONCE)):
            yield some


def encode_batches(
    pictures_of_hash: Mapping[str, Sequence[Picture]],
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    batch_size: int,
    workers: int,
) -> Iterator[EncodedBatch]:
    """Encode pictures in their order, batch by batch.

    Each worker reads a batch and encodes it, so that decoding one overlaps with the forward pass of
    another. On a CPU the workers part torch's threads among themselves: whole batches side by side
    are a third faster than one batch on all threads, which wait for each other at every layer. A
    single batch has all threads.

    Args:
        pictures_of_hash: For each content hash the pictures that have it; one of them is read.
        encoder: Runs in the workers.
        views: Views of each picture.
        seed: The seed of the random views.
        batch_size: Views in a batch; a batch has at least one picture.
        workers: Threads.
    """

    def encode(batch: list[tuple[str, Sequence[Picture]]]) -> EncodedBatch:
        read = {
            sha256: _pixels_of_first_readable(pictures, encoder, views, seed)
            for sha256, pictures in batch
        }
        pixels = {sha256: it for sha256, it in read.items() if isinstance(it, Tensor)}
        failures = {sha256: it for sha256, it in read.items() if isinstance(it, UnreadableImage)}
        features = np.empty((0, views, encoder.dim), dtype=np.float16)
        if pixels:
            rows = encoder.encode_pixels(torch.cat(list(pixels.values())))
            features = rows.numpy().reshape(len(pixels), views, -1).astype(np.float16)
        return EncodedBatch(list(pixels), features, failures)

    n_pictures = max(1, batch_size // views)
    batches = _in_batches(pictures_of_hash.items(), n_pictures)
    workers = min(workers, -(-len(pictures_of_hash) // n_pictures))
    if workers <= 1:
        yield from map(encode, batches)
        return
    threads = torch.get_num_threads()
    part = partial(torch.set_num_threads, max(1, threads // workers))
    try:
        encoded = _map_ahead(encode, batches, workers=workers, ahead=workers, start=part)
        with closing(encoded):
            yield from encoded
    finally:
        torch.set_num_threads(threads)


def _in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _pixels_of_first_readable(
    pictures: Sequence[Picture], encoder: ImageEncoder, views: int, seed: int
) -> Float32[Tensor, "views 3 height width"] | UnreadableImage:
    # Equal files at several paths: one of them may have been deleted since it was hashed.
    failures = []
    for picture in pictures:
        try:
            return _pixels(picture, encoder, views, seed)
        except UnreadableImage as error:
            failures.append(error)
    return failures[0]


def _pixels(
    picture: Picture, encoder: ImageEncoder, views: int, seed: int
) -> Float32[Tensor, "views 3 height width"]:
    upright = decode_image(picture)
    try:
        return view_pixels(upright, encoder.preprocess, views, seed)
    except Exception as error:  # one picture that is too much must not end a run over millions
        reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
        raise UnreadableImage(name_of(picture), reason) from error


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
    thread calls `start` first. Unlike `Executor.map` it does not submit all items at once.
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
