"""From new pictures to predictions: all the work of `metaadapter predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.table import ImageRow
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, require_some
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.accuracy import Scores, Tally
from metaadapter.workflow.prediction_journal import part_digest
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import (
    UNKNOWN,
    Prediction,
    PredictionOptions,
    predict_pictures,
)
from metaadapter.workflow.queries import (
    PICTURES_AT_ONCE,
    Queries,
    list_queries,
    load_adapter_encoder,
    load_fitting,
)
from metaadapter.workflow.query_shift import QuerySample, QueryShift
from metaadapter.workflow.unlabelled_pictures import draw_new, predict_together, require_together

Predictor: TypeAlias = Callable[[StoredAdapter, EncodedPictures], list[Prediction]]


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """Pictures and the adapter that predicts their labels, all checked but not yet encoded."""

    adapter: Path
    stored: StoredAdapter
    queries: Queries
    options: PredictionOptions
    load: Callable[[], ImageEncoder]
    together: bool = False
    """Whether the adapter first learns from all these pictures, as its pool."""

    @property
    def classes(self) -> list[str]:
        """The labels as text, in the adapter's order."""
        return [str(label) for label in self.stored.config.classes]

    @property
    def is_resumable(self) -> bool:
        """Whether an interrupted run can continue: pictures are predicted part by part."""
        return not self.together and not self.queries.stored


@dataclass(slots=True)
class Predicted:
    """Predictions, and a tally of them.

    `adapter` has the pictures as its pool if it learned from them. The predictions are in `kept`,
    or only in `table`; `n_resumed` of the predictions come from an interrupted run.
    """

    adapter: StoredAdapter
    tally: Tally = field(default_factory=Tally)
    kept: list[Prediction] = field(default_factory=list)
    table: PredictionTable | None = None
    n_resumed: int = 0
    shift: QueryShift | None = None
    """How far the pictures lie from the labelled ones; `None` if it is not known."""

    def add(self, part: EncodedPart, digest: str = "") -> None:
        """Predict a part, and add its predictions to the table, or keep them without one."""
        predictions, tally = part.predict(self.adapter)
        if self.table is None:
            self.kept += predictions
        else:
            self.table.add(predictions, digest, tally)
        self.tally.add(tally)

    def predictions(self) -> Iterator[Prediction]:
        """Yield the predictions in the order of the pictures."""
        if self.table is None or self.kept:
            yield from self.kept
            return
        in_support = frozenset(self.tally.in_support)
        for prediction in self.table.predictions():
            yield prediction._replace(in_support=prediction.path in in_support)

    @property
    def scores(self) -> Scores:
        """Accuracy and recall, for pictures with labels."""
        return self.tally.scores


class EncodedPart(NamedTuple):
    """Some encoded pictures, and the function that predicts their labels with an adapter."""

    pictures: EncodedPictures
    predict: Callable[[StoredAdapter], tuple[list[Prediction], Tally]]


class Part(NamedTuple):
    """Some pictures, and the function that encodes them; its encoder is loaded when it is used."""

    rows: Sequence[ImageRow]
    encode: Callable[[Callable[[], ImageEncoder], Callable[[Progress], None]], EncodedPart]


def predict(
    adapter: Path | str,
    images: Sequence[Path | str],
    *,
    options: PredictionOptions | None = None,
    labelled: bool = False,
    together: bool = False,
    split: str | None = None,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    progress: Callable[[Progress], None] | None = None,
) -> Predicted:
    """Encode pictures and predict their labels.

    Args:
        adapter: The folder or skill file of the adapter.
        images: Picture files, folders, manifests and feature stores.
        options: How to treat unknown pictures, and whether to predict sets of classes.
        labelled: Read the labels of the pictures, for scores.
        together: Let the adapter first learn from all these pictures, as its pool.
        split: The split to read from sources that have splits; all splits by default.
        encoder: The adapter's encoder, if the encoder was moved.
        device: The device that encodes.
        precision: The number format that the encoder computes in.
        progress: Called after each batch that is encoded.

    Raises:
        UsageError: The adapter does not support an option.
        DataError: The adapter is damaged, a source is missing, no picture can be read, or a label
            is not a class.
        IncompatibleArtifact: There is no adapter, or the encoder or a store does not fit it.
    """
    request = request_predictions(
        Path(adapter),
        [Path(image) for image in images],
        options or PredictionOptions(),
        labelled=labelled,
        together=together,
        split=split,
        encoder=encoder,
        device=device,
        precision=precision,
    )
    return run_request(request, progress=progress)


def request_predictions(
    adapter: Path,
    images: Sequence[Path],
    options: PredictionOptions,
    *,
    labelled: bool = False,
    other_labels: Sequence[str] = (),
    together: bool = False,
    split: str | None = None,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
) -> PredictionRequest:
    """Read an adapter and list pictures; their labels may be its classes or `other_labels`."""
    stored = load_adapter(adapter)
    if together:
        require_together(stored, adapter)
    options.require(stored, adapter)
    labels = [*([UNKNOWN] if options.reject else []), *other_labels]
    queries = list_queries(
        images, stored.config, labelled=labelled, other_labels=labels, split=split
    )
    load = partial(load_adapter_encoder, adapter, stored, encoder, device, precision)
    return PredictionRequest(adapter, stored, queries, options, load, together)


def run_request(
    request: PredictionRequest,
    *,
    table: PredictionTable | None = None,
    predictor: Predictor | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Predicted:
    """Encode a request's pictures and predict their labels; add each part to a given table."""
    predictor = predictor or partial(predict_pictures, options=request.options)
    parts = [_stored_part(pictures, predictor) for pictures in request.queries.stored]
    rows = request.queries.rows
    for start in range(0, len(rows), PICTURES_AT_ONCE):
        some = rows[start : start + PICTURES_AT_ONCE]
        parts.append(Part(some, partial(_encode_part, some, predictor, request.stored)))
    return run_parts(request, parts, table=table, progress=progress)


def run_parts(
    request: PredictionRequest,
    parts: Sequence[Part],
    *,
    warnings: Sequence[str] = (),
    table: PredictionTable | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Predicted:
    """Predict part by part, or after all parts are encoded if the adapter learns from them.

    With a table, predictions of only one part at a time are in memory.
    """
    predicted, sample = Predicted(request.stored, table=table), QuerySample(request.stored)
    predicted.tally.warnings += [*request.queries.warnings, *warnings]
    load = cache(partial(load_fitting, request.stored.config, request.load))
    n_pictures, n_before = sum(len(part.rows) for part in parts), 0
    waiting: list[EncodedPart] = []
    for part in parts:
        digest = part_digest(part.rows) if table else ""
        tally = table.take(digest) if table else None
        show = partial(_show_part, progress, n_before, len(part.rows), n_pictures)
        n_before += len(part.rows)
        if tally is not None:
            predicted.n_resumed += tally.n
            predicted.tally.add(tally)
            continue
        encoded = part.encode(load, show)
        sample.add(encoded.pictures.features)
        if request.together:
            waiting.append(encoded)
        else:
            predicted.add(encoded, digest)
    if request.together:
        pictures = EncodedPictures.joined(
            (part.pictures for part in waiting), width=request.stored.config.width
        )
        known, seed = request.stored.picture_hashes, request.stored.config.origin.seed
        pool = draw_new(replace(pictures, warnings=()), known, seed)
        predicted.adapter = predict_together(request.stored, pool.features, request.adapter)
        predicted.tally.warnings += pool.warnings
    for encoded in waiting:
        predicted.add(encoded)
    if n_pictures and not predicted.tally.n:
        require_some(n_pictures, predicted.tally.unreadable)
    predicted.shift = sample.shift
    return predicted


def _show_part(
    progress: Callable[[Progress], None] | None,
    n_before: int,
    n: int,
    n_pictures: int,
    moment: Progress,
) -> None:
    """Report the progress within a part, which may encode several boxes of a picture."""
    if progress is not None and moment.stage == "encode":
        done = n_before + n * moment.done // max(moment.total, 1)
        progress(replace(moment, done=done, total=n_pictures))


def _stored_part(pictures: EncodedPictures, predictor: Predictor) -> Part:
    """Return a part whose features a store holds; nothing is left to encode."""
    encoded = EncodedPart(pictures, partial(_predict_part, pictures, predictor))
    return Part((), lambda *_: encoded)


def _encode_part(
    rows: Sequence[ImageRow],
    predictor: Predictor,
    stored: StoredAdapter,
    load: Callable[[], ImageEncoder],
    progress: Callable[[Progress], None],
) -> EncodedPart:
    origin = stored.config.origin
    pictures = encode_rows(rows, load(), views=origin.n_views, seed=origin.seed, progress=progress)
    return EncodedPart(pictures, partial(_predict_part, pictures, predictor))


def _predict_part(
    pictures: EncodedPictures, predictor: Predictor, stored: StoredAdapter
) -> tuple[list[Prediction], Tally]:
    predictions = predictor(stored, pictures)
    if pictures.rows:
        predictions = [
            prediction._replace(box=row.box)
            for prediction, row in zip(predictions, pictures.rows, strict=True)
        ]
    unreadable = {str(image.path): image for image in pictures.quarantined}  # may have boxes
    return predictions, Tally.of(predictions, pictures.warnings, unreadable.values())
