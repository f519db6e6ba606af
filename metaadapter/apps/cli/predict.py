"""`metaadapter predict`: label new pictures, with probabilities."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Option

from metaadapter.apps.cli import cluster_options, field_options, options
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.outputs import Output
from metaadapter.apps.cli.predict_cluster import predict_on_cluster
from metaadapter.apps.cli.predict_output import Listing, PredictOutput, show_predicted
from metaadapter.apps.cli.predict_table import (
    ENDINGS,
    TABLES,
    NewTable,
    shard_of,
    table_or_adapter,
)
from metaadapter.apps.cli.process import share_one_heap
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.data.shard import Shard
    from metaadapter.workflow.prediction_request import PredictionRequest

CsvFile = Annotated[
    Path | None,
    Option(
        "--csv",
        metavar="FILE",
        help="Write the table of --out as CSV, whatever the name of the file; FILE may be a pipe.",
    ),
    Output(TABLES),
]
Rank = Annotated[
    str | None, Option(metavar="LABEL", help="List the most probable pictures of a class first.")
]
Sort = Annotated[
    Literal["sure", "doubtful"] | None, Option(help="List surest or most doubtful pictures first.")
]
Top = Annotated[int | None, Option(min=1, help="List only the first N.")]
Labelled = Annotated[
    bool,
    Option(
        "--labelled",
        help="The pictures have classes: print how many are predicted correctly. With --reject, a "
        "folder `unknown` may hold pictures of none of the classes.",
    ),
]
Reject = Annotated[
    bool,
    Option("--reject", help="Answer `unknown` for pictures that look like none of the classes."),
]
Sets = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="Also give the set of classes that a picture may show; with this probability, 0.5 to "
        "0.99, the set contains its own class.",
    ),
]
SureOption = Annotated[
    float | None,
    Option(
        metavar="FRACTION",
        help="How probable the answer of the adapter's label tree must be, 0.5 to 0.99: the "
        "deepest name in the tree that is so probable is the answer.",
        show_default="0.9",
    ),
]
Together = Annotated[
    bool,
    Option(
        "--together",
        help="Learn from all these pictures together, without labels, before any prediction: "
        "better at one to four labelled pictures a class. Predictions then depend on one another.",
    ),
]
Out = Annotated[
    Path | None,
    Option(
        "--out",
        "-o",
        metavar="FILE",
        help="Write a table with one row for each picture, in place of the list: FILE.csv, "
        "FILE.jsonl or FILE.parquet. It has the probability of each class, and a status (done, "
        "unreadable with the reason, or duplicate). It grows in FILE.partial, from which the same "
        "command continues after an interruption. Any other name is that of a new adapter, which "
        "--together makes.",
    ),
    Output(TABLES, ENDINGS),
]
ShardOption = Annotated[
    str | None,
    Option(
        "--shard",
        metavar="I/N",
        help="Predict only the I-th of N parts, to share work among N machines; `metaadapter "
        "merge` makes one table of their tables. Parts consist of blocks of 128 pictures, or of "
        "1024 of a store.",
    ),
]
# The command that a warning proposes names this many sources at most.
MOST_NAMED = 3
OF_FRAMES = (
    *("detections", "burst", "allowed", "parents", "megadetector", "timelapse", "camtrap_dp"),
    "export",
)


def predict(
    adapter: options.Adapter,
    images: options.Pictures,
    csv_file: CsvFile = None,
    rank: Rank = None,
    sort: Sort = None,
    top: Top = None,
    labelled: Labelled = False,
    reject: Reject = False,
    keep: options.Keep = None,
    sets: Sets = None,
    sure: SureOption = None,
    together: Together = False,
    out: Out = None,
    shard: ShardOption = None,
    detections: field_options.DetectionsFile = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    burst: field_options.Burst = None,
    allowed: field_options.Allowed = None,
    parents: field_options.Parents = None,
    megadetector: field_options.MegaDetector = None,
    timelapse: field_options.Timelapse = None,
    camtrap_dp: field_options.CamtrapDp = None,
    export: field_options.Export = None,
    export_format: field_options.ExportFormat = "coco",
    false_triggers: field_options.FalseTriggers = None,
    split: options.Split = None,
    csv_raw: options.CsvRaw = False,
    encoder: options.MovedEncoder = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    engine: cluster_options.Engine = None,
    address: cluster_options.Address = None,
    shards: cluster_options.Shards = None,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Label new pictures, with probabilities and the runner-up.

    The encoder that the adapter names is loaded and checked. Without a terminal the list is
    tab-separated: path, label, probability, runner-up, its probability[, that of --rank], `known`,
    `unfamiliar` or nothing[, the set of --sets][, the path to the sure answer of the label tree,
    and its probability]. `probability` compares the classes with one another; `known` is the
    probability that the picture shows any of them.
    """
    values = dict(locals())
    listing = Listing(rank, sort, top)
    table_file, out = table_or_adapter(csv_file, out)
    if out is not None and not together:
        raise UsageError(
            f"--out {out} names an adapter, which only --together makes; add --together, or give a "
            f"table a name that ends in {', '.join(ENDINGS)}"
        )
    cluster_options.require_engine(values)
    share_one_heap()
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import require_adapter_folder, store_adapter

    if out is not None:
        require_adapter_folder(out)
    request = _request(values, shard_of("1/1" if engine else shard, table_file, listing, values))
    listing.require_class_among(request.classes)
    field = _field_run(request, images, values)
    table = None
    if table_file is not None:
        is_csv = csv_file is not None
        table = NewTable.of(table_file, request, field, raw=csv_raw, csv=is_csv, facts=(precision,))
        if engine is not None:
            predict_on_cluster(predict, values, request, table.digest, console)
            return
    output = _run(request, field, table, listing, console)
    if out is not None:
        store_adapter(out, output.predicted.adapter)
        n_unlabelled = output.predicted.adapter.config.n_unlabelled
        console.note(f"{out}: the adapter, made with {n_unlabelled} unlabelled pictures")
    if detections is None:
        _note_boxes(console, request, (burst, timelapse, megadetector, camtrap_dp))
    show = partial(show_predicted, csv_raw=csv_raw, labelled=labelled)
    show(console, request, output, table_file, listing, _remedy(adapter, images, field))


def _request(values: Mapping[str, Any], shard: Shard | None) -> PredictionRequest:
    from metaadapter.workflow.prediction_request import request_predictions
    from metaadapter.workflow.predictions import PredictionOptions

    names = ("labelled", "together", "split", "pictures", "min_confidence")
    return request_predictions(
        values["adapter"],
        values["images"],
        PredictionOptions(values["reject"], values["keep"], values["sets"], values["sure"]),
        other_labels=field_options.other_labels() if values["detections"] else (),
        shard=shard,
        **{name: values[name] for name in (*names, "encoder", "device", "precision")},
    )


def _field_run(
    request: PredictionRequest, images: Sequence[Path], values: Mapping[str, Any]
) -> FieldRun | None:
    """Return the run for camera traps, if one of its options is given."""
    if values["false_triggers"] is not None and values["detections"] is None:
        raise UsageError("--false-triggers needs the boxes of --detections FILE.json; add it")
    if all(values[name] in (None, []) for name in OF_FRAMES):
        return None
    if request.stored.config.several is not None:
        given = next(name for name in OF_FRAMES if values[name] not in (None, []))
        raise UsageError(
            f"--{given.replace('_', '-')} is for adapters of one label, and {request.adapter} "
            "gives several; leave it out"
        )
    from metaadapter.apps.cli.predict_field import FieldRun

    return FieldRun(request, images, values)


def _note_boxes(console: Console, request: PredictionRequest, options: Sequence[object]) -> None:
    """Note that boxes would help, if the pictures are whole frames of camera traps."""
    from metaadapter.data.whole_frames import are_whole_frames

    rows = () if request.queries.stored else request.queries.rows
    given = any(option is not None for option in options)
    if are_whole_frames(rows, request.classes, given=given):
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
    new: NewTable | None,
    listing: Listing,
    console: Console,
) -> PredictOutput:
    from metaadapter.workflow.run_predict import run_request

    with nullcontext() if new is None else new.open() as table:
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
    if new is not None and table is not None:
        new.finish(request, table.n_rows)
    things = "pictures" if field is None else field.things
    return PredictOutput(predicted, listed, written, missing, things)
