"""Decode and encode pictures in their order, reading each of them once.

Threads, not processes: pictures are decoded and features computed outside the interpreter's lock,
and threads share the encoder's weights and the decoded pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32
from PIL import Image
from torch import Tensor

from metaadapter.data.decode import is_large, read_once
from metaadapter.data.inputs import Picture, UnreadableImage, name_of
from metaadapter.errors import UsageError
from metaadapter.features.views import n_looks, view_pixels
from metaadapter.files.machine_errors import is_shortage

Features: TypeAlias = Float16[np.ndarray, "views dim"]
Outcome: TypeAlias = str | UnreadableImage
"""The content hash of a picture, or why it cannot be read."""
Pixels: TypeAlias = Float32[Tensor, "views looks 3 height width"]

# A GPU takes the next batch while the results of the last one are copied.
ENCODERS_BESIDE = 2


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


@dataclass(slots=True)
class Finished:
    """The outcomes of successive pictures, and the features of the contents new among them."""

    outcomes: list[Outcome] = field(default_factory=list)
    features: dict[str, Features] = field(default_factory=dict)


class _Read(NamedTuple):
    """A picture that was read: its outcome, and its pixels if its content is new."""

    outcome: Outcome
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """An encoder and the way in which threads use it.

    Attributes:
        encoder: The encoder.
        views: The number of views of each picture.
        seed: The seed of the random crops.
        batch_size: The most looks in a batch; a fast number for the device if None.
        workers: The number of threads that read, and on a CPU also encode; as many as torch uses if
            None.
        skips: Go on after a picture that cannot be read, which is an outcome, too.
    """

    encoder: LookEncoder
    views: int = 1
    seed: int = 0
    batch_size: int | None = None
    workers: int | None = None
    skips: bool = True

    def __post_init__(self) -> None:
        for option in ("views", "batch_size", "workers"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise UsageError(f"{option} must be 1 or more, got {value}")

    @property
    def n_workers(self) -> int:
        """The number of threads that read."""
        return self.workers or torch.get_num_threads()

    @property
    def pictures_at_once(self) -> int:
        """The number of pictures in a batch."""
        size = self.batch_size or fast_batch_size(self.encoder)
        return max(1, size // (self.views * n_looks(self.encoder.zoom)))

    def run(
        self, pictures: Iterable[Picture], is_known: Callable[[str], bool]
    ) -> Iterator[Finished]:
        """Yield outcomes and features of all pictures, in order.

        A content that is known, or that came before, is not encoded. `is_known` has to know the
        contents of all parts that were yielded; several threads call it.
        """
        n_threads = torch.get_num_threads()
        share = partial(torch.set_num_threads, max(1, n_threads // self.n_workers))
        readers = ThreadPoolExecutor(self.n_workers, "read", initializer=share)
        encoders = (
            readers
            if _place(self.encoder) in ("cpu", "")
            else ThreadPoolExecutor(ENCODERS_BESIDE, "encode")
        )
        waits = True
        try:
            yield from self._run(iter(pictures), is_known, readers, encoders)
        except (KeyboardInterrupt, GeneratorExit):
            # Ctrl-C reaches the reader at once, but a thread goes on until its picture is decoded.
            waits = False
            raise
        finally:
            for executor in (readers, encoders):
                executor.shutdown(wait=waits, cancel_futures=True)
            torch.set_num_threads(n_threads)

    def _run(
        self,
        pictures: Iterator[Picture],
        is_known: Callable[[str], bool],
        readers: ThreadPoolExecutor,
        encoders: ThreadPoolExecutor,
    ) -> Iterator[Finished]:
        size = self.pictures_at_once
        under_way: set[str] = set()
        encoding: deque[tuple[Finished, Future[np.ndarray] | None]] = deque()
        most_waiting = self.n_workers if encoders is readers else ENCODERS_BESIDE

        def is_new(sha256: str) -> bool:
            return not is_known(sha256) and sha256 not in under_way

        def read(picture: Picture) -> Future[_Read]:
            return readers.submit(self._read, picture, is_new)

        def done() -> Finished:
            part, rows = encoding.popleft()
            if rows is not None:
                part.features = dict(zip(part.features, rows.result(), strict=True))
            under_way.difference_update(part.features)
            return part

        # Results are taken in order, so a slow picture must not leave the other threads idle.
        reading = deque(map(read, islice(pictures, size + 2 * self.n_workers)))
        part, batch = Finished(), list[Pixels]()
        while reading:
            outcome, pixels = reading.popleft().result()
            reading.extend(map(read, islice(pictures, 1)))
            part.outcomes.append(outcome)
            if pixels is not None and isinstance(outcome, str) and is_new(outcome):
                under_way.add(outcome)
                part.features[outcome] = _NO_ROWS
                batch.append(pixels)
            is_last = not reading
            if len(batch) == size or is_last or len(part.outcomes) >= MOST_OUTCOMES:
                rows = encoders.submit(self._encode, batch) if batch else None
                encoding.append((part, rows))
                part, batch = Finished(), []
            while encoding and (is_last or len(encoding) > most_waiting):
                yield done()

    def _read(self, picture: Picture, is_new: Callable[[str], bool]) -> _Read:
        try:
            sha256, upright = read_once(picture, is_new)
            if upright is None:
                return _Read(sha256)
            return _Read(sha256, self._pixels(picture, upright))
        except UnreadableImage as error:
            if not self.skips:
                raise
            # The error itself would keep its frames, and with them pixels.
            return _Read(UnreadableImage(error.path, error.reason))

    def _pixels(self, picture: Picture, upright: Image.Image) -> Pixels:
        try:
            return view_pixels(upright, self.encoder.look, self.views, self.seed)
        except Exception as error:  # one picture that is too large must not end a run over millions
            machine_is_short = is_shortage(error) and not is_large(upright)
            if isinstance(error, OSError) or machine_is_short:
                raise
            reason = f"it cannot be scaled for the encoder ({str(error) or type(error).__name__})"
            raise UnreadableImage(name_of(picture), reason) from error

    def _encode(self, batch: list[Pixels]) -> Float16[np.ndarray, "pictures views dim"]:
        rows = self.encoder.encode_looks(torch.cat(batch))
        return rows.reshape(len(batch), self.views, -1).astype(np.float16)


def fast_batch_size(encoder: LookEncoder) -> int:
    """Return a fast number of looks per batch; on a CPU a layer's output then fits the cache."""
    return FAST_BATCH.get(_place(encoder), 64)


def _place(encoder: LookEncoder) -> str:
    """Return the kind of device of an encoder; "" if it does not tell."""
    device = getattr(encoder, "device", None)
    return device.type if isinstance(device, torch.device) else ""


FAST_BATCH = {"cpu": 4, "": 32}
# Known pictures need no batch; after so many of them the others are encoded all the same.
MOST_OUTCOMES = 1024
_NO_ROWS = np.empty((0, 0), np.float16)
