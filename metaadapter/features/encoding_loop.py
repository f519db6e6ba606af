"""Encode a list of pictures, each content once, and report the progress."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from metaadapter.data.inputs import ImageInput, Picture, as_picture
from metaadapter.errors import UsageError
from metaadapter.features.encoding_pipeline import Features, Outcome, Pipeline
from metaadapter.features.views import mean_of_views
from metaadapter.files.progress import meter


def encode_pictures(
    images: Iterable[ImageInput] | np.ndarray,
    pipeline: Pipeline,
) -> tuple[Float32[np.ndarray, "read dim"], tuple[Outcome, ...]]:
    """Encode a list of pictures in memory, as `encode_to_store` does.

    Return a unit row for each readable picture, the mean of its views; and for every picture its
    content hash, or the error if it could not be read.
    """
    contents, features = encode_new(images, pipeline)
    rows = [features[content] for content in contents if isinstance(content, str)]
    shape = -1, pipeline.views, pipeline.encoder.dim
    return mean_of_views(np.array(rows, np.float16).reshape(shape)), contents


def encode_new(
    images: Iterable[ImageInput] | np.ndarray,
    pipeline: Pipeline,
    *,
    known: Container[str] = frozenset(),
) -> tuple[tuple[Outcome, ...], dict[str, Features]]:
    """Encode the pictures whose content is not known yet, each content once.

    `known` holds the content hashes that need no features. Return for each picture its content
    hash, or the error if it could not be read; and the features of the new contents by their hash.
    """
    pictures = _as_pictures(images)
    # A thread for each batch: a single picture is faster on all of torch's threads.
    n_batches = -(-len(pictures) // pipeline.pictures_at_once)
    pipeline = replace(pipeline, workers=max(1, min(pipeline.n_workers, n_batches)))
    features: dict[str, Features] = {}
    outcomes: list[Outcome] = []
    advance = meter("encode", len(pictures))
    for part in pipeline.run(pictures, lambda sha256: sha256 in features or sha256 in known):
        features.update(part.features)
        outcomes += part.outcomes
        advance(len(part.outcomes))
    return tuple(outcomes), features


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
