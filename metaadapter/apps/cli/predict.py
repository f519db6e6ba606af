"""`metaadapter predict`: what an adapter predicts for new pictures."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.console import Console, print_document
from metaadapter.apps.cli.field_files import FieldFiles, require_pictures
from metaadapter.apps.cli.one_heap import share_one_heap
from metaadapter.apps.cli.predict_shown import Listing, show_predictions
from metaadapter.apps.cli.predict_told import prediction_document, tell_of_answers, tell_of_pool
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.adapter.stored import StoredAdapter
    from metaadapter.apps.field.asking import Questions
    from metaadapter.features.device import Precision
    from metaadapter.workflow.prediction_rows import RowFormat
    from metaadapter.workflow.prediction_table import PredictionTable


def predict(
    adapter: options.Adapter,
    images: options.Pictures,
    csv_file: Annotated[
        Path | None,
        Option(
            "--csv",
            metavar="FILE",
            help="Write a table with the probability of each class, in place of the list. It grows "
            "in FILE.partial, where the same command goes on after an interruption.",
        ),
    ] = None,
    rank: Annotated[
        str | None, Option(metavar="LABEL", help="Most probable pictures of this class first.")
    ] = None,
    sort: Annotated[
        Literal["sure", "doubtful"] | None, Option(help="Surest or most doubtful pictures first.")
    ] = None,
    top: Annotated[int | None, Option(min=1, help="Only the first N of the list.")] = None,
    labelled: Annotated[
        bool,
        Option(
            "--labelled",
            help="The pictures have classes: tell how many are predicted correctly. With --reject "
            "pictures of none may lie in a folder `unknown`.",
        ),
    ] = False,
    reject: Annotated[
        bool,
        Option(
            "--reject", help="Answer `unknown` for pictures that look like none of the classes."
        ),
    ] = False,
    keep: options.Keep = None,
    sets: Annotated[
        float | None,
        Option(
            metavar="FRACTION",
            help="Also give the set of classes that a picture may show; its own is among them with "
            "this chance, 0.5 to 0.99.",
        ),
    ] = None,
    together: Annotated[
        bool,
        Option(
            "--together",
            help="Learn from all these pictures together, without labels, before any is answered: "
            "better at one to four labelled pictures a class. Answers then depend on one another.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="ADAPTER", help="Keep the adapter of --together here."),
    ] = None,
    detections: field_options.DetectionsFile = None,
    min_confidence: field_options.MinConfidence = 0.2,
    burst: field_options.Burst = None,
    allowed: field_options.Allowed = None,
    parents: field_options.Parents = None,
    megadetector: field_options.MegaDetector = None,
    timelapse: field_options.Timelapse = None,
    camtrap_dp: field_options.CamtrapDp = None,
    false_triggers: field_options.FalseTriggers = None,
    split: options.Split = None,
    csv_raw: options.CsvRaw = False,
    encoder: options.MovedEncoder = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Label new pictures, with probabilities and the runner-up.

    The adapter names its encoder, which is loaded and checked. Without a terminal the list is
    tab-separated: path, label, probability, runner-up, its probability[, that of --rank], the
    probability of showing one of the classes at all, `unfamiliar` or nothing[, the set of --sets].
    """
    listing = Listing(rank, sort, top)
    if out is not None and not together:
        raise UsageError("--out keeps the adapter of --together, which was not given")
    if false_triggers is not None and detections is None:
        raise UsageError("--false-triggers looks for boxes that come back; give --detections too")
    share_one_heap()
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter.files import load_adapter, require_adapter_folder
    from metaadapter.apps.field.asking import Questions, answer_encoded, answer_frames_of
    from metaadapter.apps.field.species import EMPTY
    from metaadapter.workflow.pool import require_together
    from metaadapter.workflow.prediction_rows import RowFormat
    from metaadapter.workflow.predictions import UNKNOWN, Asked
    from metaadapter.workflow.queries import list_queries, load_adapter_encoder

    if out is not None:
        require_adapter_folder(out)
    stored = load_adapter(adapter)
    if together:
        require_together(stored, adapter)
    asked = Asked(reject, keep, sets)
    asked.require(stored, adapter)
    config = stored.config
    classes = [str(label) for label in config.classes]
    listing.require_class_among(classes)
    field = field_options.read_field_options(detections, min_confidence, allowed, parents, classes)
    files = FieldFiles(
        megadetector,
        timelapse,
        camtrap_dp,
        false_triggers,
        classifier=f"metaadapter {adapter.name}",
        labels=[*dict.fromkeys((*classes, *field.species.parents, UNKNOWN))],
    )
    further = [*([UNKNOWN] if reject else []), *([EMPTY] if detections is not None else [])]
    queries = list_queries(images, config, labelled=labelled, further_labels=further, split=split)
    in_frames = not together and not queries.stored
    if not in_frames:
        require_pictures(field, burst, files)
    questions = Questions(
        queries,
        stored,
        partial(load_adapter_encoder, adapter, stored, encoder, device, precision),
        asked,
        field,
        folders=[source for source in images if source.is_dir()],
        burst=burst,
        needs_times=files.needs_times or burst is not None,
    )
    rows = RowFormat(
        classes, csv_raw, sets is not None, detections is not None, questions.needs_times
    )
    opened = None
    if csv_file is not None:
        opened = _open_table(csv_file, rows, questions if in_frames else None, precision)
    with opened or nullcontext() as table:
        with console.progress() as progress:
            if in_frames:
                answered = answer_frames_of(questions, table=table, progress=progress)
            else:
                answered = answer_encoded(questions, adapter if together else None, progress)
                if table is not None:
                    table.add(answered.kept)
        is_listed = csv_file is None or json_output or listing.is_chosen
        listed = listing.of(answered.predictions()) if is_listed else []
        written, missing = files.write(answered, questions)
        if table is not None:
            table.finish(listed if listing.is_chosen else None)

    if out is not None:
        _keep_adapter(out, answered.stored, console)
    warnings = [*answered.tally.warnings]
    if together:
        warnings += tell_of_pool(console, answered.stored, has_reader=json_output or not quiet)
    tell_of_answers(console, answered, warnings, reject=reject)
    if csv_file is not None:
        n_written = len(listed) if top else answered.tally.n
        console.note(f"wrote {n_written} predictions to {csv_file}")
    console.note(*written)
    console.warn_of("about what was written:", missing)
    scores = answered.tally.scores if labelled else None
    if json_output:
        warnings += missing
        document = prediction_document(
            adapter, questions, answered, listed, scores, warnings, together=together
        )
        print_document("predict", document)
    elif csv_file is None:
        show_predictions(listed, rank, console, csv_raw=csv_raw)
    if scores is not None:
        Console().note(*scores.told())  # was asked for, also where --quiet is given


def _open_table(
    csv_file: Path, rows: RowFormat, questions: Questions | None, precision: Precision
) -> PredictionTable:
    """The table of --csv; with `questions` it goes on where the same ones were interrupted."""
    from metaadapter.workflow.prediction_journal import question_digest
    from metaadapter.workflow.prediction_table import PredictionTable

    digest = None
    if questions is not None:
        asked = questions.asked
        digest = question_digest(
            questions.stored,
            rows,
            *(asked.reject, asked.keep, asked.coverage),
            *(precision, questions.burst, questions.options.identity),
        )
    return PredictionTable(csv_file, rows, question=digest)


def _keep_adapter(out: Path, stored: StoredAdapter, console: Console) -> None:
    """Write the adapter that learned from unlabelled pictures."""
    from metaadapter.adapter.files import store_adapter

    store_adapter(out, stored)
    console.note(f"{out}: the adapter, with {stored.config.n_unlabelled} unlabelled pictures")
