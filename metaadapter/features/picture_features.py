"""The one way from pictures to features, which stores, commands and Python share."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float16, Float32

from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoding_loop import encode_batches, hash_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.progress import Progress, ProgressMeter
from metaadapter.features.store.feature_index import FeatureIndex
from metaadapter.features.unit_rows import mean_of_views
from metaadapter.images import ImageInput, UnreadableImage
from metaadapter.images.inputs import Picture, as_picture, name_of

__all__ = ["Encoding", "PictureFeatures", "encode_new", "encode_pictures", "require_some"]

OnError = Literal["raise", "skip"]


@dataclass(frozen=True, slots=True, eq=False)
class PictureFeatures:
    """The features of a list of pictures.

    Attributes:
        features: One unit row for each picture that was read: the mean of its views.
        sha256: The content hash of each picture that was read.
        unreadable: The other pictures, by their number in the list, counted from 0.
    """

    features: Float32[np.ndarray, "read dim"]
    sha256: tuple[str, ...]
    unreadable: dict[int, UnreadableImage]


class Encoding(NamedTuple):
    """What `encode_new` did."""

    contents: tuple[str | UnreadableImage, ...]
    """For each picture its content hash, or why it could not be read."""
    n_new: int
    """The number of contents that were encoded."""
    images_per_second: float
    """How fast they were encoded, without the comparison before."""


def encode_pictures(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: ImageEncoder,
    *,
    views: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    on_error: OnError = "skip",
    progress: Callable[[Progress], None] | None = None,
) -> PictureFeatures:
    """Encode a list of pictures in memory; equal ones are encoded once.

    The same list gives the same numbers to the last bit as `encode_to_store`.

    Args:
        images: What `decode_image` takes, also mixed.
        encoder: Gives one unit row for each view.
        views: The number of views of each picture: the centre view, then random crops.
        seed: The seed of the random crops.
        batch_size: The number of views that the encoder takes at a time.
        on_error: Whether a picture that cannot be read ends the call or is left out.
        progress: Called after each batch.

    Raises:
        UnreadableImage: A picture cannot be read, and `on_error` is "raise".
        UsageError: `images` is not a list of pictures, or an argument is out of range.
    """
    if on_error not in ("raise", "skip"):
        raise UsageError(f"on_error must be 'raise' or 'skip', got {on_error!r}")
    index = FeatureIndex()
    encoding = encode_new(
        images,
        encoder,
        views=views,
        seed=seed,
        batch_size=batch_size,
        known=index,
        keep=index.add,
        on_error=on_error,
        progress=progress,
    )
    read = tuple(content for content in encoding.contents if isinstance(content, str))
    rows = index.gather(read) if read else np.empty((0, views, encoder.dim), dtype=np.float16)
    unreadable = {
        number: content
        for number, content in enumerate(encoding.contents)
        if isinstance(content, UnreadableImage)
    }
    return PictureFeatures(mean_of_views(rows), read, unreadable)


def encode_new(
    images: Iterable[ImageInput] | np.ndarray,
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    batch_size: int,
    known: Container[str],
    keep: Callable[[list[str], Float16[np.ndarray, "pictures views dim"]], None],
    workers: int | None = None,
    on_error: OnError = "skip",
    progress: Callable[[Progress], None] | None = None,
) -> Encoding:
    """Encode those pictures of a list whose content is not known yet, each content once.

    `known` holds the content hashes that need no features, and `keep` takes the content hashes and
    the features of each finished batch. `workers` is the number of threads, as many as torch uses
    if None. All else is as for `encode_pictures`.
    """
    workers = torch.get_num_threads() if workers is None else workers
    for option, value in {"views": views, "batch_size": batch_size, "workers": workers}.items():
        if value < 1:
            raise UsageError(f"{option} must be 1 or more, got {value}")
    pictures = _as_pictures(images)
    contents = _hash(pictures, workers, on_error, progress)
    new: dict[str, list[Picture]] = {}
    for picture, content in zip(pictures, contents, strict=True):
        if isinstance(content, str) and content not in known:
            new.setdefault(content, []).append(picture)
    meter = ProgressMeter("encode", len(new), progress)
    failures: dict[str, UnreadableImage] = {}
    for batch in encode_batches(
        new, encoder, views=views, seed=seed, batch_size=batch_size, workers=workers
    ):
        keep(batch.hashes, batch.features)
        failures |= batch.failures
        _require_readable(batch.failures.values(), on_error)
        meter.advance(len(batch.hashes) + len(batch.failures))
    return Encoding(_outcomes(pictures, contents, failures), len(new) - len(failures), meter.rate)


def require_some(n_pictures: int, quarantined: Sequence[UnreadableImage]) -> None:
    """Check that at least one picture could be read.

    Raises:
        DataError: None could; the message names the first.
    """
    if not n_pictures:
        raise DataError("there are no pictures to encode; name a folder or a list that has some")
    if len(quarantined) == n_pictures:
        raise DataError(
            f"none of the {n_pictures} pictures could be read, so there is nothing to encode. "
            "The first: " + "; ".join(str(error) for error in quarantined[:3])
        )


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


def _hash(
    pictures: Sequence[Picture],
    workers: int,
    on_error: OnError,
    progress: Callable[[Progress], None] | None,
) -> list[str | UnreadableImage]:
    contents: list[str | UnreadableImage] = []
    meter = ProgressMeter("hash", len(pictures), progress)
    for some in hash_pictures(pictures, workers):
        contents += some
        _require_readable(some, on_error)
        meter.advance(len(some))
    return contents


def _require_readable(contents: Iterable[str | UnreadableImage], on_error: OnError) -> None:
    for content in contents:
        if isinstance(content, UnreadableImage) and on_error == "raise":
            raise content


def _outcomes(
    pictures: Sequence[Picture],
    contents: Sequence[str | UnreadableImage],
    failures: Mapping[str, UnreadableImage],
) -> tuple[str | UnreadableImage, ...]:
    """The content hash of each picture that has features; the error of each other, by its name."""
    return tuple(
        UnreadableImage(name_of(picture), failures[content].reason)
        if isinstance(content, str) and content in failures
        else content
        for picture, content in zip(pictures, contents, strict=True)
    )
