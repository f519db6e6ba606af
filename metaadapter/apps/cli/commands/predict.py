"""`metaadapter predict`: label new pictures, with probabilities."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.command_guard import Excludes, Output
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.predict_output import (
    Listing,
    PredictOutput,
    remedy_of_shift,
    show_predicted,
)
from metaadapter.apps.cli.predict_table import (
    ENDINGS,
    TABLES,
    rows_and_job,
    shard_of,
    table_or_adapter,
)
from metaadapter.apps.cli.predict_why import labelled_paths, with_paths
from metaadapter.apps.cli.process import share_one_heap

if TYPE_CHECKING:
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.workflow.prediction.prediction_table import PredictionTable
    from metaadapter.workflow.prediction.run_predict import PredictionRequest

Sort = Annotated[
    str | None,
    Option(
        metavar="sure|doubtful|LABEL", help="Surest, most doubtful or most probably LABEL first."
    ),
]
Top = Annotated[int | None, Option(min=1, metavar="N", help="List only the first N.")]
Labelled = Annotated[
    bool,
    Option("--labelled", help="The pictures have classes: count correct predictions."),
]
Reject = Annotated[
    bool,
    Option("--reject", help="Answer `unknown` for pictures that look like no class."),
]
Sets = Annotated[
    float | None,
    Option(metavar="FRACTION", help="Also give a set that holds the true class so often."),
]
SureOption = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="How probable the answer of a label tree must be.",
        show_default="0.9",
    ),
]
Together = Annotated[
    bool,
    Option("--together", help="First learn from all these pictures, without labels."),
]
Why = Annotated[
    Path | None,
    Option(
        metavar="LABELLED",
        help="Also say which labelled pictures, in this folder, an answer rests on.",
    ),
    Excludes(("--together", "--detections", "--out")),
]
Out = Annotated[
    Path | None,
    Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write a table (.csv, .jsonl or .parquet), and continue after an interruption. "
        "Another name: the adapter that --together makes.",
    ),
    Output(TABLES, ENDINGS),
]
# A part of the pictures is neither ordered nor exported, and an adapter learns from all of them.
Shard = Annotated[options.Shard, Excludes(("--sort", "--top", "--export", "--together"))]


def predict(
    adapter: options.Adapter,
    images: options.Pictures,
    sort: Sort = None,
    top: Top = None,
    labelled: Labelled = False,
    reject: Reject = False,
    keep: options.Keep = None,
    sets: Sets = None,
    sure: SureOption = None,
    together: Together = False,
    why: Why = None,
    out: Out = None,
    shard: Shard = None,
    detections: field_options.DetectionsFile = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    burst: field_options.Burst = None,
    allowed: field_options.Allowed = None,
    export: field_options.Export = None,
    encoder: options.MovedEncoder = None,
) -> None:
    """Label new pictures, with probabilities and the runner-up.

    `probability` compares the classes with one another; `known` is the probability that the picture
    shows any of them. Without a terminal the list is tab-separated.
    """
    listing = Listing(sort, top)
    table_file, new_adapter = table_or_adapter(out, together=together)
    share_one_heap()
    console = Console()
    from metaadapter.adapter.files import store_adapter
    from metaadapter.apps.cli.encoder_choice import OF_ADAPTERS, read_encoder
    from metaadapter.workflow.prediction.prediction_table import PredictionTable
    from metaadapter.workflow.prediction.predictions import PredictionOptions
    from metaadapter.workflow.prediction.run_predict import request_predictions

    choice = read_encoder(encoder, only=OF_ADAPTERS)
    request = request_predictions(
        adapter,
        images,
        PredictionOptions(reject, keep, sets, sure, why is not None),
        labelled=labelled,
        other_labels=field_options.other_labels() if detections else (),
        together=together,
        shard=shard_of(shard, table_file),
        pictures=field_options.of_boxes(pictures, detections, images),
        min_confidence=min_confidence,
        **choice.options,
    )
    listing.require_class_among(request.classes)
    paths = {} if why is None else labelled_paths(why, request.stored)
    of_frames = (detections, min_confidence, burst, allowed, export or [])
    places = images if pictures is None else [*images, pictures]
    field = field_options.field_run(request, places, *of_frames)
    table = None
    if table_file is not None:
        rows, job = rows_and_job(request, field, choice.precision)
        is_shard = request.shard is not None
        table = PredictionTable(table_file, rows, job=None if together else job, is_shard=is_shard)
    output = _run(request, field, table, listing, console)
    output = output._replace(listed=[with_paths(one, paths) for one in output.listed])
    if new_adapter is not None:
        store_adapter(new_adapter, output.predicted.adapter)
        n_unlabelled = output.predicted.adapter.config.n_unlabelled
        learned = f"made with {n_unlabelled} unlabelled pictures" if n_unlabelled else "unchanged"
        console.note(f"{new_adapter}: the adapter, {learned}")
    if detections is None:
        _note_boxes(console, request)
    options = (sort, top, labelled, reject, keep, sets, sure, why, out, encoder)
    remedy = remedy_of_shift(adapter, images, has_more=any(options) or field is not None)
    show_predicted(console, request, output, table_file, listing, remedy, labelled=labelled)


def _note_boxes(console: Console, request: PredictionRequest) -> None:
    """Note that boxes would help, if the pictures are whole frames of camera traps."""
    from metaadapter.data.capture_time import are_whole_frames

    rows = () if request.queries.stored else request.queries.rows
    if are_whole_frames(rows, request.classes):
        console.note(
            "these frames have no boxes; with those of a detector for labelled and new frames "
            "(--detections of adapt and predict), 6 and 12 more of 100 were right at one labelled "
            "frame of each class, 2 at four"
        )


def _run(
    request: PredictionRequest,
    field: FieldRun | None,
    table: PredictionTable | None,
    listing: Listing,
    console: Console,
) -> PredictOutput:
    from metaadapter.workflow.prediction.run_predict import run_request

    with table or nullcontext():
        with console.progress():
            predicted = field.predict(table) if field else run_request(request, table=table)
        is_listed = table is None or console.json_output or listing.is_chosen
        listed = listing.of(predicted.predictions()) if is_listed else []
        written, missing = ([], []) if field is None else field.write(predicted)
        if table is not None:
            table.finish(listed if listing.is_chosen else None)
    return PredictOutput(predicted, listed, written, missing)
