"""The two long loops over pictures, hashing and encoding, each in several threads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.views import view_pixels
from metaadapter.images import ImageInput, UnreadableImage, content_hash, decode_image
from metaadapter.images.inputs import Picture, as_picture, name_of

__all__ = ["Encoding", "Progress", "encode_new"]

Stage = Literal["hash", "encode"]
OnError = Literal["raise", "skip"]
Features: TypeAlias = Float16[np.ndarray, "views dim"]

Item = TypeVar("Item")
Result = TypeVar("Result")

HASHES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run over pictures is; showing it is the caller's job.

    Attributes:
        stage: "hash" while pictures are compared with what the store holds, then "encode".
        done: Pictures finished in this stage.
        total: Pictures of this stage; in "encode" only those that the store does not hold yet.
        rate: Pictures per second since the stage began.
    """

    stage: Stage
    done: int
    total: int
    rate: float


class Encoding(NamedTuple):
    """What `encode_new` did."""

    contents: tuple[str | UnreadableImage, ...]
    """For each picture its content hash, or why it could not be read."""
    n_new: int
    """The number of contents that were encoded."""
    images_per_second: float
    """How fast they were encoded, without the comparison before."""


def encode_new(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    batch_size: int,
    known: Container[str],
    keep: Callable[[dict[str, Features]], None],
    workers: int | None = None,
    on_error: OnError = "skip",
    progress: Callable[[Progress], None] | None = None,
) -> Encoding:
    """Encode those pictures of a list whose content is not known yet, each content once.

    Args:
        images: What `decode_image` takes, also mixed.
        encoder: Gives one unit row for each view; runs in the workers.
        views: The number of views of each picture: the centre view, then random crops.
        seed: The seed of the random crops.
        batch_size: The number of views in a batch, which has at least one picture.
        known: The content hashes that need no features.
        keep: Takes the features of each finished batch by content hash.
        workers: Threads; as many as torch uses if None.
        on_error: Whether a picture that cannot be read ends the call or is left out.
        progress: Called after each batch.

    Raises:
        UnreadableImage: A picture cannot be read, and `on_error` is "raise".
        UsageError: `images` is not a list of pictures, or an argument is out of range.
    """
    workers = torch.get_num_threads() if workers is None else workers
    for option, value in {"views": views, "batch_size": batch_size, "workers": workers}.items():
        if value < 1:
            raise UsageError(f"{option} must be 1 or more, got {value}")
    pictures = _as_pictures(images)
    contents: list[str | UnreadableImage] = []
    advance = _meter("hash", len(pictures), progress)
    with ThreadPoolExecutor(workers, thread_name_prefix="hash") as executor:
        for start in range(0, len(pictures), HASHES_AT_ONCE):
            some = pictures[start : start + HASHES_AT_ONCE]
            contents += executor.map(_or_error(content_hash, on_error), some)
            advance(len(some))
    new: dict[str, list[Picture]] = {}
    for picture, content in zip(pictures, contents, strict=True):
        if isinstance(content, str) and content not in known:
            new.setdefault(content, []).append(picture)
    advance, rate = _meter("encode", len(new), progress), 0.0
    failures: dict[str, UnreadableImage] = {}
    read = _or_error(partial(_first_readable, encoder=encoder, views=views, seed=seed), on_error)
    for batch in _encode(new, read, encoder, max(1, batch_size // views), workers):
        failures |= {key: it for key, it in batch.items() if isinstance(it, UnreadableImage)}
        keep({key: it for key, it in batch.items() if isinstance(it, np.ndarray)})
        rate = advance(len(batch))
    outcomes = tuple(
        # Of equal pictures each has its own name.
        UnreadableImage(name_of(picture), failures[content].reason)
        if isinstance(content, str) and content in failures
        else content
        for picture, content in zip(pictures, contents, strict=True)
    )
    return Encoding(outcomes, len(new) - len(failures), rate)


def _meter(
    stage: Stage, total: int, listener: Callable[[Progress], None] | None
) -> Callable[[int], float]:
    """A function that counts pictures as finished, tells a listener and returns the rate."""
    started, done = time.monotonic(), 0

    def advance(n_pictures: int) -> float:
        nonlocal done
        done += n_pictures
        rate = done / max(time.monotonic() - started, 1e-9)
        if listener is not None:
            listener(Progress(stage, done, total, rate))
        return rate

    return advance


def _as_pictures(images: Iterable[ImageInput] | np.ndarray) -> list[Picture]:
    is_file = isinstance(images, str | bytes) or hasattr(images, "read")
    is_one_array = isinstance(images, np.ndarray) and images.ndim < 4
    if is_file or is_one_array or not isinstance(images, Iterable):
        given = f"the single path {images!r}" if isinstance(images, str) else str(type(images))
        raise UsageError(f"expected a list of pictures, got {given}")
    pictures = []
    for number, image in enumerate(images):
        try:
            pictures.append(as_picture(image))
        except UsageError as error:
            raise UsageError(f"images[{number}]: {error}") from None
    return pictures


def _or_error(
    function: Callable[[Item], Result], on_error: OnError
) -> Callable[[Item], Result | UnreadableImage]:
    """The same function, which returns its `UnreadableImage` unless that is to be raised."""

    def caught(item: Item) -> Result | UnreadableImage:
        try:
            return function(item)
        except UnreadableImage as error:
            return error

    return function if on_error == "raise" else caught


def _encode(
    pictures_of_hash: Mapping[str, Sequence[Picture]],
    read: Callable[[Sequence[Picture]], Tensor | UnreadableImage],
    encoder: ImageEncoder,
    n_pictures: int,
    workers: int,
) -> Iterator[dict[str, Features | UnreadableImage]]:
    """Encode pictures in their order, `n_pictures` at a time.

    Each worker reads a batch and encodes it, so that decoding one overlaps with the forward pass of
    another. On a CPU the workers part torch's threads among themselves: whole batches side by side
    are a third faster than one batch on all threads, which wait for each other at every layer. A
    single batch has all threads.
    """

    def encode(hashes: list[str]) -> dict[str, Features | UnreadableImage]:
        found = {sha256: read(pictures_of_hash[sha256]) for sha256 in hashes}
        pixels = {sha256: it for sha256, it in found.items() if isinstance(it, Tensor)}
        failures = {sha256: it for sha256, it in found.items() if isinstance(it, UnreadableImage)}
        if not pixels:
            return {**failures}
        rows = encoder.encode_pixels(torch.cat(list(pixels.values()))).numpy()
        features = rows.reshape(len(pixels), -1, encoder.dim).astype(np.float16)
        return {**failures, **dict(zip(pixels, features, strict=True))}

    hashes = list(pictures_of_hash)
    batches = [hashes[start : start + n_pictures] for start in range(0, len(hashes), n_pictures)]
    workers = min(workers, len(batches))
    if workers <= 1:
        yield from map(encode, batches)
        return
    threads = torch.get_num_threads()
    part = partial(torch.set_num_threads, max(1, threads // workers))
    executor = ThreadPoolExecutor(workers, thread_name_prefix="encode", initializer=part)
    # Unlike `Executor.map` this is but a few batches in front of the reader.
    waiting: deque[Future[dict[str, Features | UnreadableImage]]] = deque()
    try:
        for batch in batches:
            waiting.append(executor.submit(encode, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _first_readable(
    pictures: Sequence[Picture], encoder: ImageEncoder, views: int, seed: int
) -> Float32[Tensor, "views 3 height width"]:
    """The views of one of equal files, some of which may be gone since they were hashed."""
    failures = []
    for picture in pictures:
        try:
            return _pixels(picture, encoder, views, seed)
        except UnreadableImage as error:
            failures.append(error)
    raise failures[0]


def _pixels(
    picture: Picture, encoder: ImageEncoder, views: int, seed: int
) -> Float32[Tensor, "views 3 height width"]:
    upright = decode_image(picture)
    try:
        return view_pixels(upright, encoder.preprocess, views, seed)
    except Exception as error:  # one picture that is too much must not end a run over millions
        reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
        raise UnreadableImage(name_of(picture), reason) from error
