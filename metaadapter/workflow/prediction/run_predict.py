"""From new pictures to predictions, part by part: all the work of `metaadapter predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE
from metaadapter.data.inputs import listing_digest
from metaadapter.data.shard import Shard, pick_shard
from metaadapter.errors import UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures, require_some
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.files.checksums import content_hash
from metaadapter.files.regular_files import given_path, given_places
from metaadapter.workflow.accuracy import Scores, Tally
from metaadapter.workflow.influence import Influence
from metaadapter.workflow.prediction.prediction_table import PredictionTable
from metaadapter.workflow.prediction.predictions import (
    UNKNOWN,
    Prediction,
    PredictionOptions,
    predict_pictures,
)
from metaadapter.workflow.prediction.queries import Queries, list_queries, load_adapter_encoder
from metaadapter.workflow.prediction.query_parts import (
    EncodedPart,
    Part,
    Predictor,
    parts_of,
    placed,
)
from metaadapter.workflow.prediction.query_shift import QuerySample, QueryShift
from metaadapter.workflow.unlabelled_pictures import draw_new, predict_together, require_together

NOT_LEARNED = (
    "the adapter has not learned from these pictures: they come from elsewhere than the labelled "
    "ones, and nothing shows that it would gain; label some of them"
)


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
    shard: Shard | None = None
    """The share of the pictures to predict; None for all."""

    @property
    def classes(self) -> list[str]:
        """The labels as text, in the adapter's order."""
        return [str(label) for label in self.stored.config.classes]

    def digest(self, *facts: object) -> str:
        """A digest of the adapter and the options; other `facts` enter by their `repr`."""
        config = self.stored.config
        about = repr((version("metaadapter"), self.options, config.inside, config.tree, facts))
        return content_hash(about, *file_contents(self.stored).values())

    @property
    def pictures_digest(self) -> str:
        """A digest of the stores and of the list of the pictures to encode."""
        digests = [stored.digest for stored in self.queries.stored]
        return content_hash(*digests, listing_digest(self.queries.rows))


def request_predictions(
    adapter: Path,
    images: Sequence[Path],
    options: PredictionOptions,
    *,
    labelled: bool = False,
    other_labels: Sequence[str] = (),
    together: bool = False,
    shard: Shard | None = None,
    split: str | None = None,
    pictures: Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    encoder: str | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
) -> PredictionRequest:
    """Read an adapter and list pictures; their labels may be its classes or `other_labels`.

    The pictures of a source of boxes are in the folder `pictures`, or near it.
    """
    stored = load_adapter(adapter, several=True)
    if stored.config.several is not None and (together or labelled):
        option = "together (--together)" if together else "labelled (--labelled)"
        raise UsageError(
            f"{option} is for adapters of one label, and {adapter} gives several; leave it out"
            + ("" if together else " (`metaadapter evaluate --several` scores several labels)")
        )
    if together and options.why:
        raise UsageError("why (--why) is not for predictions together (--together); leave one out")
    if together:
        require_together(stored, adapter)
    options.require(stored, adapter)
    labels = [*([UNKNOWN] if options.reject else []), *other_labels]
    queries = list_queries(
        images,
        stored.config,
        labelled=labelled,
        other_labels=labels,
        split=split,
        pictures=pictures,
        min_confidence=min_confidence,
    )
    load = partial(load_adapter_encoder, adapter, stored, encoder, device, precision)
    return PredictionRequest(adapter, stored, queries, options, load, together, shard)


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
    return run_request(request)


def run_request(
    request: PredictionRequest,
    *,
    parts: Sequence[Part] | None = None,
    warnings: Sequence[str] = (),
    table: PredictionTable | None = None,
) -> Predicted:
    """Encode a request's pictures and predict their labels; add each part to a given table.

    Of all `parts`, by default those of the queries, the parts of the request's shard are predicted:
    one by one, or after all are encoded if the adapter learns from them. With a table, predictions
    of only one part at a time are in memory.
    """
    config = request.stored.config
    if parts is None:
        predictor: Predictor = partial(predict_pictures, options=request.options)
        if request.options.why:
            predictor = partial(_predict_with_reasons, predictor, Influence.of(request.stored))
        parts = parts_of(request.queries, config.origin, predictor)
        warnings = (*warnings, *whole_warnings(request))
    predicted = Predicted(request.stored, table=table)
    predicted.tally.warnings += [*request.queries.warnings, *warnings]
    parts = pick_shard(parts, request.shard)
    load = cache(request.load)
    sample = QuerySample(request.stored)

    def encoded() -> Iterator[tuple[EncodedPart, str]]:
        """Yield the parts that the table does not have, with their digests."""
        for part, place in placed(parts):
            digest = part.digest() if table else ""
            if table and (tally := table.take(digest)) is not None:
                predicted.n_resumed += tally.n
                predicted.tally.add(tally)
                continue
            with place:
                one = part.encode(load)
            sample.add(one.pictures.features)
            yield one, digest

    todo: Iterable[tuple[EncodedPart, str]] = encoded()
    if request.together:
        todo = [*todo]
        _learn(request, predicted, [part.pictures for part, _ in todo])
    for one, digest in todo:
        predicted.add(one, digest)
    n_pictures = sum(part.n for part in parts)
    if n_pictures and not predicted.tally.n and request.shard is None:
        require_some(n_pictures, predicted.tally.unreadable)
    predicted.shift = sample.shift
    return predicted


def _predict_with_reasons(
    predictor: Predictor, influence: Influence, stored: StoredAdapter, pictures: EncodedPictures
) -> list[Prediction]:
    predictions, reasons = predictor(stored, pictures), influence.reasons(pictures.features)
    return [
        prediction._replace(why=why) for prediction, why in zip(predictions, reasons, strict=True)
    ]


def whole_warnings(request: PredictionRequest) -> tuple[str, ...]:
    """A sentence on whole pictures that an adapter of boxes is asked about."""
    rows = request.queries.rows
    if not request.stored.config.boxed or not rows or any(row.box is not None for row in rows):
        return ()
    return (
        "the adapter was predicted from boxes and these pictures are whole, which costs accuracy "
        "unless they show little else; give their boxes (--detections)",
    )


def _learn(
    request: PredictionRequest, predicted: Predicted, parts: Sequence[EncodedPictures]
) -> None:
    """Let the adapter learn from all pictures."""
    stored = request.stored
    whole = EncodedPictures.joined(parts, width=stored.config.width)
    pool = draw_new(replace(whole, warnings=()), stored.picture_hashes, stored.config.origin.seed)
    predicted.adapter = predict_together(stored, pool.features, request.adapter)
    predicted.tally.warnings += pool.warnings
    if predicted.adapter is stored:
        predicted.tally.warnings.append(NOT_LEARNED)
