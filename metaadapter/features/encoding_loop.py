"""Two loops over pictures: the first hashes contents, the second encodes each new content once.

Both run in threads, not in processes: pictures are decoded and features computed outside the
interpreter's lock, and threads share the encoder's weights.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32
from PIL import Image
from torch import Tensor

from metaadapter.data.decode import content_hash, decode_image, is_large
from metaadapter.data.inputs import ImageInput, Picture, UnreadableImage, as_picture, name_of
from metaadapter.data.machine_errors import is_shortage
from metaadapter.errors import UsageError
from metaadapter.features.views import mean_of_views, n_looks, view_pixels

Stage = Literal["times", "hash", "encode", "texts", "captions", "read", "tune"]
OnError = Literal["raise", "skip"]
Features: TypeAlias = Float16[np.ndarray, "views dim"]
Encoded: TypeAlias = tuple[dict[str, Features], dict[str, str]]
"""Content hash → features, and content hash → why the picture cannot be read. An error in place of
the reason would keep the pixels of its whole batch in memory."""

HASHES_AT_ONCE = 256
ON_CPU, ON_GPU, ELSEWHERE = 4, 64, 32


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run over pictures, for the caller to show; the rate is items per second.

    The stage "times" reads when pictures were taken, "hash" compares pictures with the store,
    "encode" encodes those that the store lacks, "texts" encodes class names in all templates,
    "captions" encodes captions, "read" reads the features of a store, and "tune" takes training
    steps.
    """

    stage: Stage
    done: int
    total: int
    rate: float


@runtime_checkable
class LookEncoder(Protocol):
    """The part of an `ImageEncoder` that the loops need."""

    zoom: bool

    @property
    def dim(self) -> int:
        """The width of the features."""

    def look(self, picture: Image.Image) -> Float32[Tensor, "looks 3 height width"]:
        """Return the preprocessed looks at an upright RGB picture."""

    def encode_looks(
        self, batch: Float[Tensor, "batch looks 3 height width"]
    ) -> Float32[np.ndarray, "batch dim"]:
        """Return a unit row for each picture, which is given by its looks."""


def encode_pictures(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: LookEncoder,
    *,
    views: int = 1,
    seed: int = 0,
    batch_size: int | None = None,
    on_error: OnError = "skip",
    progress: Callable[[Progress], None] | None = None,
) -> tuple[Float32[np.ndarray, "read dim"], tuple[str | UnreadableImage, ...]]:
    """Encode a list of pictures in memory, bit for bit as `encode_to_store` does.

    Return a unit row for each readable picture, the mean of its views; and for every picture its
    content hash, or the error if it could not be read.
    """
    if on_error not in ("raise", "skip"):
        raise UsageError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    known: dict[str, np.ndarray] = {}
    contents, _, _ = encode_new(
        images,
        encoder,
        views=views,
        seed=seed,
        batch_size=batch_size,
        known=known,
        keep=known.update,
        on_error=on_error,
        progress=progress,
    )
    rows = [known[content] for content in contents if isinstance(content, str)]
    return mean_of_views(np.array(rows, np.float16).reshape(-1, views, encoder.dim)), contents


def encode_new(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: LookEncoder,
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
    """Encode the pictures whose content is not known yet, each content once.

    `known` holds the content hashes that need no features, and `keep` takes the features of
    each finished batch by content hash. `workers` threads run the encoder, by default as many
    as torch uses. Return for each picture its content hash, or the error if it could not be read;
    the number of encoded contents; and the contents per second, without the time for hashing.
    """
    workers = torch.get_num_threads() if workers is None else workers
    batch_size = fast_batch_size(encoder) if batch_size is None else batch_size
    for option, value in {"views": views, "batch_size": batch_size, "workers": workers}.items():
        if value < 1:
            raise UsageError(f"{option} must be 1 or more, got {value}")
    pictures = _as_pictures(images)
    contents = _hash_contents(pictures, workers, on_error, progress)
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
    for features, failed in _in_threads(encode, list(new), size, workers):
        keep(features)
        failures |= failed
        rate = advance(len(features) + len(failed))
    outcomes = tuple(
        # The error of a copy names the copy, not the first of the equal pictures.
        UnreadableImage(name_of(picture), failures[content])
        if isinstance(content, str) and content in failures
        else content
        for picture, content in zip(pictures, contents, strict=True)
    )
    return outcomes, len(new) - len(failures), rate


def fast_batch_size(encoder: LookEncoder) -> int:
    """Return a fast number of looks per batch; on a CPU a layer's output then fits the cache."""
    device = getattr(encoder, "device", None)
    if not isinstance(device, torch.device):
        return ELSEWHERE
    return ON_CPU if device.type == "cpu" else ON_GPU


def _hash_contents(
    pictures: Sequence[Picture],
    workers: int,
    on_error: OnError,
    progress: Callable[[Progress], None] | None,
) -> list[str | UnreadableImage]:
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
            chunk = pictures[start : start + HASHES_AT_ONCE]
            contents += executor.map(hash_or_error, chunk)
            advance(len(chunk))
    return contents


def _meter(
    stage: Stage, total: int, listener: Callable[[Progress], None] | None
) -> Callable[[int], float]:
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


def _in_threads(
    encode: Callable[[list[str]], Encoded], hashes: list[str], size: int, workers: int
) -> Iterator[Encoded]:
    """Yield the encoded batches of `size` pictures in order, several computed at a time.

    On a CPU the workers share torch's threads among themselves: whole batches side by side are
    a third faster than one batch on all threads, which wait for one another at every layer.
    """
    batches = [hashes[start : start + size] for start in range(0, len(hashes), size)]
    workers = min(workers, len(batches))
    if workers <= 1:
        yield from map(encode, batches)
        return
    n_threads = torch.get_num_threads()
    share_threads = partial(torch.set_num_threads, max(1, n_threads // workers))
    executor = ThreadPoolExecutor(workers, thread_name_prefix="encode", initializer=share_threads)
    # Unlike `Executor.map` this runs only a few batches ahead of the reader.
    waiting: deque[Future[Encoded]] = deque()
    waits = True
    try:
        for batch in batches:
            waiting.append(executor.submit(encode, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except (KeyboardInterrupt, GeneratorExit):
        # Ctrl-C reaches the reader at once, but a thread goes on until its pictures are decoded.
        waits = False
        raise
    finally:
        executor.shutdown(wait=waits, cancel_futures=True)
        torch.set_num_threads(n_threads)


def _pixels_of_first(
    pictures: Sequence[Picture], encoder: LookEncoder, views: int, seed: int
) -> Float32[Tensor, "views looks 3 height width"]:
    """Return the views of the first readable picture; all are equal, but some may be gone."""
    failures = []
    for picture in pictures:
        try:
            upright = decode_image(picture)
        except UnreadableImage as error:
            failures.append(error)
            continue
        try:
            return view_pixels(upright, encoder.look, views, seed)
        except Exception as error:  # one picture that is too large must not end a run over millions
            machine_is_short = is_shortage(error) and not is_large(upright)
            if isinstance(error, OSError) or machine_is_short:
                raise
            reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
            failures.append(UnreadableImage(name_of(picture), reason))
            failures[-1].__cause__ = error
    try:
        raise failures[0]
    finally:
        failures.clear()  # the error and this frame would keep each other alive
