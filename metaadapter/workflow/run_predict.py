"""From new pictures to predictions, part by part: all the work of `metaadapter predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryFile

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.regular_files import given_path, given_places
from metaadapter.data.shard import pick_shard
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import require_some
from metaadapter.features.encoding_loop import Progress
from metaadapter.workflow.accuracy import Scores, Tally
from metaadapter.workflow.prediction_parts import (
    EncodedPart,
    Part,
    Predictor,
    WaitingParts,
    parts_of,
)
from metaadapter.workflow.prediction_request import PredictionRequest, request_predictions
from metaadapter.workflow.prediction_table import PredictionTable
from metaadapter.workflow.predictions import Prediction, PredictionOptions, predict_pictures
from metaadapter.workflow.queries import load_fitting
from metaadapter.workflow.query_shift import QuerySample, QueryShift
from metaadapter.workflow.unlabelled_pictures import draw_new, predict_together

NOT_LEARNED = (
    "the adapter has not learned from these pictures: they come from elsewhere than the labelled "
    "ones, and nothing shows that it would gain; label some of them"
)


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
        outcomes, warnings = part.predict(self.adapter, part.pictures)
        if self.table is None:
            self.kept += [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
        else:
            self.table.add(outcomes, digest, warnings)
        self.tally.add(Tally.of(outcomes, warnings))

    def predictions(self) -> Iterator[Prediction]:
        """Yield the predictions in the order of the pictures."""
        yield from self.kept if self.table is None else self.table.predictions()

    @property
    def scores(self) -> Scores:
        """Accuracy and recall, for pictures with labels."""
        return self.tally.scores


def predict(
    adapter: Path | str,
    images: Sequence[Path | str] | Path | str,
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
        given_path(adapter),
        given_places(images),
        options or PredictionOptions(),
        labelled=labelled,
        together=together,
        split=split,
        encoder=encoder,
        device=device,
        precision=precision,
    )
    return run_request(request, progress=progress)


def run_request(
    request: PredictionRequest,
    *,
    table: PredictionTable | None = None,
    predictor: Predictor | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Predicted:
    """Encode a request's pictures and predict their labels; add each part to a given table."""
    predictor = predictor or partial(predict_pictures, options=request.options)
    parts = parts_of(request.queries, predictor, request.stored)
    warnings = whole_warnings(request)
    return run_parts(request, parts, warnings=warnings, table=table, progress=progress)


def whole_warnings(request: PredictionRequest) -> tuple[str, ...]:
    """A sentence on whole pictures that an adapter of boxes is asked about."""
    rows = request.queries.rows
    if not request.stored.config.boxed or not rows or any(row.box is not None for row in rows):
        return ()
    return (
        "the adapter was predicted from boxes and these pictures are whole, which costs accuracy "
        "unless they show little else; give their boxes (--detections)",
    )


def run_parts(
    request: PredictionRequest,
    parts: Sequence[Part],
    *,
    warnings: Sequence[str] = (),
    table: PredictionTable | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Predicted:
    """Predict the parts of the request's shard, of all these parts.

    They are predicted one by one, or after all are encoded if the adapter learns from them. With a
    table, predictions of only one part at a time are in memory.
    """
    predicted = Predicted(request.stored, table=table)
    sample = QuerySample(request.stored)
    parts = pick_shard(parts, request.shard)
    predicted.tally.warnings += [*request.queries.warnings, *warnings]
    load = cache(partial(load_fitting, request.stored.config, request.load))
    n_pictures, n_before = sum(part.n for part in parts), 0
    with TemporaryFile() as file:
        waiting = WaitingParts(file, request.stored.config.width)
        for part in parts:
            digest = part.digest() if table else ""
            tally = table.take(digest) if table else None
            show = partial(_show_part, progress, n_before, part.n, n_pictures)
            n_before += part.n
            if tally is not None:
                predicted.n_resumed += tally.n
                predicted.tally.add(tally)
                continue
            encoded = part.encode(load, show)
            sample.add(encoded.pictures.features)
            if request.together:
                waiting.add(encoded)
            else:
                predicted.add(encoded, digest)
        if request.together:
            known, seed = request.stored.picture_hashes, request.stored.config.origin.seed
            pool = draw_new(replace(waiting.pictures(), warnings=()), known, seed)
            predicted.adapter = predict_together(request.stored, pool.features, request.adapter)
            predicted.tally.warnings += pool.warnings
            if predicted.adapter is request.stored:
                predicted.tally.warnings.append(NOT_LEARNED)
        for encoded in waiting.parts():
            predicted.add(encoded)
    if n_pictures and not predicted.tally.n and request.shard is None:
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
