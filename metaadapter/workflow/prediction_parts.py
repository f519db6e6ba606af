"""The parts of a request for predictions: some pictures each, encoded and predicted together.

The features of a picture differ in the last bits with the pictures that the encoder takes beside
it. So the parts are the same in every run of a request, and shards consist of whole parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import IO, NamedTuple, TypeAlias, final

import numpy as np
from jaxtyping import Float32

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.inputs import UnreadableImage, inputs_digest
from metaadapter.data.output_folder import write_errors
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.prediction_rows import Outcome
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.queries import PICTURES_AT_ONCE, Queries
from metaadapter.workflow.stored_queries import STORED_AT_ONCE, StoredQueries

Predictor: TypeAlias = Callable[[StoredAdapter, EncodedPictures], list[Prediction]]


class EncodedPart(NamedTuple):
    """Some encoded pictures, and the function that predicts their labels with an adapter."""

    pictures: EncodedPictures
    predict: Callable[[StoredAdapter, EncodedPictures], tuple[list[Outcome], Sequence[str]]]
    """Takes these pictures; returns one outcome or more for each, in their order, and warnings."""


class Part(NamedTuple):
    """Some pictures, and the function that encodes them; its encoder is loaded when it is used."""

    n: int
    """The number of pictures to encode."""
    digest: Callable[[], str]
    """Returns a digest of the pictures, by which an interrupted run recognizes them."""
    encode: Callable[[Callable[[], ImageEncoder], Callable[[Progress], None]], EncodedPart]

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[ImageRow],
        encode: Callable[[Callable[[], ImageEncoder], Callable[[Progress], None]], EncodedPart],
    ) -> Part:
        """Return the part of some pictures of a table."""
        return cls(len(rows), partial(inputs_digest, rows), encode)


@final
class WaitingParts:
    """Encoded parts that wait until all are encoded; their features are in a temporary file."""

    def __init__(self, file: IO[bytes], width: int) -> None:
        self._file, self._width = file, width
        self._parts: list[EncodedPart] = []

    def add(self, part: EncodedPart) -> None:
        """Keep a part, and move its features to the file; `DataError` if that cannot be written."""
        features = part.pictures.features
        remedy = "name another folder with the environment variable TMPDIR"
        with write_errors("the features of pictures in a temporary file", instead=remedy):
            self._file.write(np.ascontiguousarray(features, np.float32).data)
            self._file.flush()
        none = replace(part.pictures, features=features[:0].copy())
        self._parts.append(part._replace(pictures=none))

    def pictures(self) -> EncodedPictures:
        """Return all pictures with their features, which are read from the file when used."""
        joined = EncodedPictures.joined((part.pictures for part in self._parts), width=self._width)
        return replace(joined, features=self._features())

    def parts(self) -> Iterator[EncodedPart]:
        """Yield the parts as they were added."""
        features, start = self._features(), 0
        for part in self._parts:
            stop = start + len(part.pictures)
            some = np.array(features[start:stop])
            yield part._replace(pictures=replace(part.pictures, features=some))
            start = stop

    def _features(self) -> Float32[np.ndarray, "n D"]:
        n = sum(len(part.pictures) for part in self._parts)
        if not n:
            return np.empty((0, self._width), np.float32)
        return np.memmap(self._file, np.float32, "r", shape=(n, self._width))


def parts_of(queries: Queries, predictor: Predictor, stored: StoredAdapter) -> list[Part]:
    """Divide queries into parts: first the pictures of stores, then those to encode."""
    parts = [
        _stored_part(of_store, start, predictor)
        for of_store in queries.stored
        for start in range(0, len(of_store), STORED_AT_ONCE)
    ]
    for start in range(0, len(queries.rows), PICTURES_AT_ONCE):
        some = queries.rows[start : start + PICTURES_AT_ONCE]
        parts.append(Part.of_rows(some, partial(_encode, some, predictor, stored)))
    return parts


def _stored_part(queries: StoredQueries, start: int, predictor: Predictor) -> Part:
    def read(*_: object) -> EncodedPart:
        pictures = queries.read(start, start + STORED_AT_ONCE)
        return EncodedPart(pictures, partial(_predict, (), predictor))

    return Part(0, lambda: f"{queries.digest} {start}", read)


def _encode(
    rows: Sequence[ImageRow],
    predictor: Predictor,
    stored: StoredAdapter,
    load: Callable[[], ImageEncoder],
    progress: Callable[[Progress], None],
) -> EncodedPart:
    origin, rows = stored.config.origin, [*rows]  # the objects by which `_in_order` knows them
    pictures = encode_rows(rows, load(), views=origin.n_views, seed=origin.seed, progress=progress)
    return EncodedPart(pictures, partial(_predict, rows, predictor))


def _predict(
    rows: Sequence[ImageRow],
    predictor: Predictor,
    stored: StoredAdapter,
    pictures: EncodedPictures,
) -> tuple[list[Outcome], Sequence[str]]:
    """Predict labels; `rows` are all that were encoded, of which some may be unreadable."""
    predictions = predictor(stored, pictures)
    if pictures.rows:
        predictions = [
            prediction._replace(box=row.box)
            for prediction, row in zip(predictions, pictures.rows, strict=True)
        ]
    return _in_order(rows, pictures, predictions), pictures.warnings


def _in_order(
    rows: Sequence[ImageRow], pictures: EncodedPictures, predictions: Sequence[Prediction]
) -> list[Outcome]:
    """Return predictions and unreadable pictures in the order of the rows."""
    if not pictures.quarantined:
        return [*predictions]
    left: list[UnreadableImage] = [*reversed(pictures.quarantined)]
    readable = zip(pictures.rows, predictions, strict=True)
    row_of_next, prediction = next(readable, (None, None))
    outcomes: list[Outcome] = []
    for row in rows:
        if row is row_of_next and prediction is not None:
            outcomes.append(prediction)
            row_of_next, prediction = next(readable, (None, None))
        else:
            outcomes.append(left.pop())
    return outcomes
