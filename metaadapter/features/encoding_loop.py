"""The two long loops over pictures, hashing and encoding, each in several threads."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float16, Float32
from torch import Tensor

from metaadapter.data.decode import content_hash, decode_image, is_large
from metaadapter.data.inputs import ImageInput, Picture, UnreadableImage, as_picture, name_of
from metaadapter.data.refusals import is_shortage
from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.looks import n_looks
from metaadapter.features.views import view_pixels

Stage = Literal["times", "hash", "encode", "captions", "read", "tune"]
OnError = Literal["raise", "skip"]
Features: TypeAlias = Float16[np.ndarray, "views dim"]
Encoded: TypeAlias = tuple[dict[str, Features], dict[str, str]]
"""Content hash → features, and content hash → why it could not be read. Not the errors: each would
hold the frames that it came through, and with them the pixels of its batch."""

HASHES_AT_ONCE = 256
ON_CPU, ON_GPU, ELSEWHERE = 4, 64, 32


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run over pictures is; showing it is the caller's job.

    First pictures are compared with what the store holds ("hash"), then those that it does not hold
    yet are encoded; before, the times may be read at which they were taken, and behind it steps of
    training may be taken ("tune"). Captions are encoded, and features of a store read, in stages of
    their own ("captions", "read"). Of the `total` of a stage some are done, at a `rate` a second,
    which is 0 where it is not known.
    """

    stage: Stage
    done: int
    total: int
    rate: float


def encode_new(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    batch_size: int | None,
    known: Container[str],
    keep: Callable[[dict[str, Features]], None],
    workers: int | None = None,
    on_error: OnError = "skip",
    progress: Callable[[Progress], None] | None = None,
) -> tuple[tuple[str | UnreadableImage, ...], int, float]:
    """Encode those pictures of a list whose content is not known yet, each content once.

    `known` holds the content hashes that need no features, and `keep` takes the features of each
    finished batch by content hash. The encoder runs in the `workers`, as many threads as torch uses
    if None; `progress` is called after each batch. All else is as for `ImageEncoder.encode_images`.

    Returns:
        For each picture its content hash, or why it could not be read; the number of contents that
        were encoded; and how many a second, without the comparison before.
    """
    workers = torch.get_num_threads() if workers is None else workers
    batch_size = fast_batch_size(encoder) if batch_size is None else batch_size
    for option, value in {"views": views, "batch_size": batch_size, "workers": workers}.items():
        if value < 1:
            raise UsageError(f"{option} must be 1 or more, got {value}")
    pictures = _as_pictures(images)

    def hash_or_error(picture: Picture) -> str | UnreadableImage:
        try:
            return content_hash(picture)
        except UnreadableImage as error:
            if on_error == "raise":
                raise
            return UnreadableImage(error.path, error.reason)

    contents: list[str | UnreadableImage] = []
    advance = _meter("hash", len(pictures), progress)
    with ThreadPoolExecutor(workers, thread_name_prefix="hash") as executor:
        for start in range(0, len(pictures), HASHES_AT_ONCE):
            some = pictures[start : start + HASHES_AT_ONCE]
            contents += executor.map(hash_or_error, some)
            advance(len(some))
    new: dict[str, list[Picture]] = {}
    for picture, content in zip(pictures, contents, strict=True):
        if isinstance(content, str) and content not in known:
            new.setdefault(content, []).append(picture)

    def encode(hashes: list[str]) -> Encoded:
        pixels, failures = {}, {}
        for sha256 in hashes:
            try:
                pixels[sha256] = _pixels_of_first(new[sha256], encoder, views, seed)
            except UnreadableImage as error:
                if on_error == "raise":
                    raise
                failures[sha256] = error.reason
        if not pixels:
            return {}, failures
        rows = encoder.encode_looks(torch.cat(list(pixels.values())))
        features = rows.reshape(len(pixels), views, -1).astype(np.float16)
        return dict(zip(pixels, features, strict=True)), failures

    advance, rate = _meter("encode", len(new), progress), 0.0
    failures: dict[str, str] = {}
    size = max(1, batch_size // (views * n_looks(encoder.zoom)))
    for features, failed in _side_by_side(encode, list(new), size, workers):
        keep(features)
        failures |= failed
        rate = advance(len(features) + len(failed))
    outcomes = tuple(
        # Of equal pictures each has its own name.
        UnreadableImage(name_of(picture), failures[content])
        if isinstance(content, str) and content in failures
        else content
        for picture, content in zip(pictures, contents, strict=True)
    )
    return outcomes, len(new) - len(failures), rate


def fast_batch_size(encoder: ImageEncoder) -> int:
    """How many looks at a time are fast: on a CPU so few that what a layer gives stays in cache."""
    device = getattr(encoder, "device", None)
    if not isinstance(device, torch.device):
        return ELSEWHERE
    return ON_CPU if device.type == "cpu" else ON_GPU


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


def _side_by_side(
    encode: Callable[[list[str]], Encoded], hashes: list[str], size: int, workers: int
) -> Iterator[Encoded]:
    """Encode pictures in their order, in batches of this size.

    Decoding one batch overlaps with the forward pass of another. On a CPU the workers part torch's
    threads among themselves: whole batches side by side are a third faster than one batch on all
    threads, which wait for each other at every layer. A single batch has all threads.
    """
    batches = [hashes[start : start + size] for start in range(0, len(hashes), size)]
    workers = min(workers, len(batches))
    if workers <= 1:
        yield from map(encode, batches)
        return
    threads = torch.get_num_threads()
    part = partial(torch.set_num_threads, max(1, threads // workers))
    executor = ThreadPoolExecutor(workers, thread_name_prefix="encode", initializer=part)
    # Unlike `Executor.map` this is but a few batches in front of the reader.
    waiting: deque[Future[Encoded]] = deque()
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


def _pixels_of_first(
    pictures: Sequence[Picture], encoder: ImageEncoder, views: int, seed: int
) -> Float32[Tensor, "views looks 3 height width"]:
    """The views of the first that can be read of equal files, some of which may be gone by now."""
    failures = []
    for picture in pictures:
        try:
            upright = decode_image(picture)
        except UnreadableImage as error:
            failures.append(error)
            continue
        try:
            return view_pixels(upright, encoder.look, views, seed)
        except Exception as error:  # one picture that is too much must not end a run over millions
            of_the_machine = is_shortage(error) and not is_large(upright)
            if isinstance(error, OSError) or of_the_machine:
                raise
            reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
            failures.append(UnreadableImage(name_of(picture), reason))
            failures[-1].__cause__ = error
    try:
        raise failures[0]
    finally:
        failures.clear()  # or the error and this frame would hold each other until a collection
