"""The parts of queries: some pictures each, encoded and predicted together.

The features of a picture differ in the last bits with the pictures that the encoder takes beside
it. So the parts are the same in every run of a request, and shards consist of whole parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.inputs import UnreadableImage, inputs_digest
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, require_some
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.files.progress import part_of
from metaadapter.workflow.prediction.prediction_rows import Outcome
from metaadapter.workflow.prediction.predictions import Prediction, predict_pictures
from metaadapter.workflow.prediction.queries import (
    STORED_AT_ONCE,
    Queries,
    StoredQueries,
    list_queries,
)

# An interrupted run loses at most this many pictures, which make several overlapping batches.
PICTURES_AT_ONCE = 128

Predictor: TypeAlias = Callable[[StoredAdapter, EncodedPictures], list[Prediction]]


class EncodedPart(NamedTuple):
    """Some encoded pictures, and the function that predicts their labels with an adapter."""

    pictures: EncodedPictures
    predict: Callable[[StoredAdapter, EncodedPictures], tuple[list[Outcome], Sequence[str]]]
    """Takes these pictures; returns one outcome or more for each, in their order, and warnings."""


Encode: TypeAlias = Callable[[Callable[[], ImageEncoder]], EncodedPart]


class Part(NamedTuple):
    """Some pictures, and the function that encodes them; its encoder is loaded when it is used."""

    n: int
    """The number of pictures."""
    digest: Callable[[], str]
    """Returns a digest of the pictures, by which an interrupted run recognizes them."""
    encode: Encode

    @classmethod
    def of_rows(cls, rows: Sequence[ImageRow], encode: Encode) -> Part:
        """Return the part of some pictures of a table."""
        return cls(len(rows), partial(inputs_digest, rows), encode)


def parts_of(
    queries: Queries, origin: Origin, predictor: Predictor = predict_pictures
) -> list[Part]:
    """Divide queries into parts: first the pictures of stores, then those to encode."""
    parts = [
        _stored_part(of_store, start, predictor)
        for of_store in queries.stored
        for start in range(0, len(of_store), STORED_AT_ONCE)
    ]
    for start in range(0, len(queries.rows), PICTURES_AT_ONCE):
        some = queries.rows[start : start + PICTURES_AT_ONCE]
        parts.append(Part.of_rows(some, partial(_encode, some, origin, predictor)))
    return parts


def placed(parts: Sequence[Part]) -> Iterator[tuple[Part, AbstractContextManager[None]]]:
    """Yield the parts, each with a block in which its progress counts as that of all."""
    n_pictures, n_before = sum(part.n for part in parts), 0
    for part in parts:
        yield part, part_of(n_before, part.n, n_pictures)
        n_before += part.n


def read_queries(
    sources: Sequence[Path],
    config: AdapterConfig,
    load: Callable[[], ImageEncoder],
) -> Iterator[EncodedPictures]:
    """List the pictures of all sources, then yield features as the adapter expects them.

    They come part by part: first stores, then pictures.
    """
    queries = list_queries(sources, config)
    warnings, unreadable = queries.warnings, list[UnreadableImage]()
    for part, place in placed(parts_of(queries, config.origin)):
        with place:
            pictures = part.encode(load).pictures
        yield replace(pictures, warnings=(*warnings, *pictures.warnings))
        warnings, unreadable = (), [*unreadable, *pictures.quarantined]
    if queries.rows:
        require_some(len(queries.rows), unreadable)


def _stored_part(queries: StoredQueries, start: int, predictor: Predictor) -> Part:
    stop = min(start + STORED_AT_ONCE, len(queries))

    def read(*_: object) -> EncodedPart:
        return EncodedPart(queries.read(start, stop), partial(_predict, (), predictor))

    return Part(stop - start, lambda: f"{queries.digest} {start}", read)


def _encode(
    rows: Sequence[ImageRow],
    origin: Origin,
    predictor: Predictor,
    load: Callable[[], ImageEncoder],
) -> EncodedPart:
    rows = [*rows]  # the objects by which `_predict` knows them
    pictures = encode_rows(rows, load(), views=origin.n_views, seed=origin.seed)
    return EncodedPart(pictures, partial(_predict, rows, predictor))


def _predict(
    rows: Sequence[ImageRow],
    predictor: Predictor,
    stored: StoredAdapter,
    pictures: EncodedPictures,
) -> tuple[list[Outcome], Sequence[str]]:
    """Predict labels; `rows` are all that were encoded, of which some may be unreadable."""
    predictions = predictor(stored, pictures)
    if not rows:
        return [*predictions], pictures.warnings
    unreadable = iter(pictures.quarantined)
    of_row = {
        id(row): prediction._replace(box=row.box)
        for row, prediction in zip(pictures.rows, predictions, strict=True)
    }
    return [of_row.get(id(row)) or next(unreadable) for row in rows], pictures.warnings
