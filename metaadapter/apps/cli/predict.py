"""`metaadapter predict`: label new pictures, with probabilities."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from typer import Option

from metaadapter.apps.cli import cluster_options, field_options, options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Output
from metaadapter.apps.cli.predict_output import Listing, PredictOutput, show_predicted
from metaadapter.apps.cli.predict_table import (
    ENDINGS,
    TABLES,
    new_table,
    predict_on_cluster,
    shard_of,
    table_or_adapter,
)
from metaadapter.apps.cli.process import share_one_heap
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.workflow.prediction_request import PredictionRequest
    from metaadapter.workflow.prediction_table import PredictionTable

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
# The command that a warning proposes names this many sources at most.
MOST_NAMED = 3
# The exports that only frames of camera traps need.
OF_TRAPS = {"megadetector", "timelapse", "camtrap-dp"}


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
    out: Out = None,
    shard: cluster_options.Shard = None,
    detections: field_options.DetectionsFile = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    burst: field_options.Burst = None,
    allowed: field_options.Allowed = None,
    parents: field_options.Parents = None,
    export: field_options.Export = None,
    encoder: options.MovedEncoder = None,
) -> None:
    """Label new pictures, with probabilities and the runner-up.

    `probability` compares the classes with one another; `known` is the probability that the picture
    shows any of them. Without a terminal the list is tab-separated.
    """
    listing = Listing(sort, top)
    table_file, out = table_or_adapter(out)
    if out is not None and not together:
        raise UsageError(
            f"--out {out} names an adapter, which only --together makes; add --together, or give a "
            f"table a name that ends in {', '.join(ENDINGS)}"
        )
    share_one_heap()
    console = Console()
    from metaadapter.adapter.files import require_adapter_folder, store_adapter
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.workflow.prediction_request import request_predictions
    from metaadapter.workflow.predictions import PredictionOptions

    if out is not None:
        require_adapter_folder(out)
    on_cluster = cluster_options.is_for_ray(shard)
    place, choice = "1/1" if on_cluster else shard, read_encoder(encoder, of_adapter=True)
    request = request_predictions(
        adapter,
        images,
        PredictionOptions(reject, keep, sets, sure),
        labelled=labelled,
        other_labels=field_options.other_labels() if detections else (),
        together=together,
        shard=shard_of(place, table_file, listing, is_exported=bool(export)),
        pictures=field_options.of_boxes(pictures, detections, images),
        min_confidence=min_confidence,
        encoder=choice.encoder,
        device=choice.device,
        precision=choice.precision,
    )
    listing.require_class_among(request.classes)
    of_frames: dict[str, object]
    of_frames = {"--detections": detections, "--burst": burst, "--allowed": allowed}
    of_frames |= {"--parents": parents, "--export": export}
    field = None
    if given := [name for name, value in of_frames.items() if value not in (None, [])]:
        _require_one_label(request, given[0])
        from metaadapter.apps.cli.predict_field import FieldRun
        from metaadapter.apps.field.detections import folders_of

        rows = request.queries.rows
        given_folders = images if pictures is None else [*images, pictures]
        folders = folders_of(given_folders, rows) if rows else []
        prior = (allowed, parents, request.classes, folders)
        boxes = field_options.read_field_options(
            detections, min_confidence, *prior, [row.path for row in rows]
        )
        field = FieldRun(request, folders, boxes, burst, export or [])
    open_table = None
    if table_file is not None:
        facts = (choice.precision,)
        digest, open_table = new_table(table_file, request, field, facts=facts)
        if on_cluster:
            values = {
                **{"adapter": adapter, "images": images, "labelled": labelled, "reject": reject},
                **{"keep": keep, "sets": sets, "sure": sure, "out": table_file, "shard": shard},
                **{"detections": detections, "pictures": pictures, "burst": burst},
                **{"min_confidence": min_confidence, "allowed": allowed, "parents": parents},
                **{"encoder": encoder},
            }
            predict_on_cluster(predict, values, request, digest, console)
            return
    output = _run(request, field, open_table, listing, console)
    if out is not None:
        store_adapter(out, output.predicted.adapter)
        n_unlabelled = output.predicted.adapter.config.n_unlabelled
        console.note(f"{out}: the adapter, made with {n_unlabelled} unlabelled pictures")
    if detections is None:
        formats = {place.format for place in export or ()}
        _note_boxes(console, request, is_of_traps=bool(burst or OF_TRAPS & formats))
    remedy = _remedy(adapter, images, field)
    show_predicted(console, request, output, table_file, listing, remedy, labelled=labelled)


def _require_one_label(request: PredictionRequest, option: str) -> None:
    if request.stored.config.several is not None:
        raise UsageError(
            f"{option} is for adapters of one label, and {request.adapter} gives several; leave "
            "it out"
        )


def _note_boxes(console: Console, request: PredictionRequest, *, is_of_traps: bool) -> None:
    """Note that boxes would help, if the pictures are whole frames of camera traps."""
    from metaadapter.data.capture_time import are_whole_frames

    rows = () if request.queries.stored else request.queries.rows
    if are_whole_frames(rows, request.classes, given=is_of_traps):
        console.note(
            "these frames are predicted whole; with the boxes of a detector for labelled and new "
            "frames (--detections of adapt and predict), 12 to 24 more of 100 were right at one "
            "and four labelled frames of each class"
        )


def _remedy(adapter: Path, images: Sequence[Path], field: FieldRun | None) -> str:
    """Return what to do if the pictures come from elsewhere than the labelled ones."""
    words = [quote(str(path)) for path in (adapter, *images[:MOST_NAMED])]
    if field is not None or len(images) > MOST_NAMED:
        words.append("…")
    return f"predict them together: metaadapter predict {' '.join(words)} --together"


def _run(
    request: PredictionRequest,
    field: FieldRun | None,
    open_table: Callable[[], PredictionTable] | None,
    listing: Listing,
    console: Console,
) -> PredictOutput:
    from metaadapter.workflow.run_predict import run_request

    with nullcontext() if open_table is None else open_table() as table:
        with console.progress() as progress:
            if field is None:
                predicted = run_request(request, table=table, progress=progress)
            else:
                predicted = field.predict(table, progress)
        is_listed = table is None or console.json_output or listing.is_chosen
        listed = listing.of(predicted.predictions()) if is_listed else []
        written, missing = ([], []) if field is None else field.write(predicted)
        if table is not None:
            table.finish(listed if listing.is_chosen else None)
    things = "pictures" if field is None else field.things
    return PredictOutput(predicted, listed, written, missing, things)
