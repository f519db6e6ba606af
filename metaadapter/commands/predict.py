"""`metaadapter predict`: what an adapter predicts for new pictures."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from metaadapter.commands import field_options, options
from metaadapter.commands.console import Console, quarantined_json, write_document
from metaadapter.commands.field_files import FieldFiles, require_pictures
from metaadapter.commands.predict_shown import show_predictions
from metaadapter.errors import UsageError

__all__ = ["predict"]


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
    if rank is not None and sort is not None:
        raise UsageError("--rank and --sort are two orders; give one of them")
    if out is not None and not together:
        raise UsageError("--out keeps the adapter of --together, which was not given")
    if false_triggers is not None and detections is None:
        raise UsageError("--false-triggers looks for boxes that come back; give --detections too")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import load_adapter, require_adapter_folder, save_adapter
    from metaadapter.field.asking import Questions, answer_encoded, answer_frames_of
    from metaadapter.field.species import EMPTY
    from metaadapter.task.classes import require_label
    from metaadapter.task.pool import pool_effect, require_together
    from metaadapter.task.prediction_journal import question_digest
    from metaadapter.task.prediction_rows import RowFormat
    from metaadapter.task.prediction_table import PredictionTable
    from metaadapter.task.predictions import UNKNOWN, Asked, ranked
    from metaadapter.task.queries import list_queries, load_adapter_encoder

    if out is not None:
        require_adapter_folder(out)
    stored = load_adapter(adapter)
    if together:
        require_together(stored, adapter)
    asked = Asked(reject, keep, sets)
    asked.require(stored, adapter)
    config = stored.config
    classes = [str(label) for label in config.classes]
    if rank is not None:
        require_label(rank, classes, option="--rank")
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
        partial(load_adapter_encoder, adapter, config, encoder, device, precision),
        asked,
        field,
        folders=[source for source in images if source.is_dir()],
        burst=burst,
        needs_times=files.needs_times or burst is not None,
    )
    rows = RowFormat(
        classes, csv_raw, sets is not None, detections is not None, questions.needs_times
    )
    digest = None
    if csv_file is not None and in_frames:
        digest = question_digest(stored, rows, reject, keep, sets, precision, burst, field.identity)
    opened = None if csv_file is None else PredictionTable(csv_file, rows, question=digest)
    with opened or nullcontext() as table:
        with console.progress() as progress:
            if in_frames:
                answered = answer_frames_of(questions, table=table, progress=progress)
            else:
                answered = answer_encoded(questions, adapter if together else None, progress)
                if table is not None:
                    table.add(answered.kept)
        tally = answered.tally
        is_listed = csv_file is None or json_output or bool(rank or sort or top)
        listed = ranked(answered.predictions(), label=rank, order=sort)[:top] if is_listed else []
        written, missing = files.write(answered, questions)
        if table is not None:
            table.finish(listed if rank or sort or top else None)

    stored = answered.stored
    warnings = [*tally.warnings]
    if out is not None:
        save_adapter(out, stored.weights, stored.config, stored.support, stored.picture_hashes)
        console.note(f"{out}: the adapter, with {stored.config.n_unlabelled} unlabelled pictures")
    if together:
        console.note("these answers depend on one another: other pictures beside may change them")
        effect = None if quiet and not json_output else pool_effect(stored)
        warnings += effect.told(classes)[1:] if effect else ()
    console.warn_of(
        f"the adapter was predicted from {len(tally.in_support)} of these very pictures, so their "
        "labels show memory, not skill:",
        tally.in_support,
    )
    console.warn_of_pictures("these", warnings, tally.unreadable)
    if n_unfamiliar := tally.n_unfamiliar:
        answer = "they are answered `unknown`" if reject else "they may show none of the classes"
        console.note(f"{n_unfamiliar} of {tally.n} pictures look unfamiliar: {answer}")
    scores = tally.scores if labelled else None
    if answered.n_taken:
        console.note(f"{answered.n_taken} of the predictions are of the interrupted run before")
    if csv_file is not None:
        console.note(f"wrote {len(listed) if top else tally.n} predictions to {csv_file}")
    console.note(*written)
    console.warn_of("about what was written:", missing)
    if json_output:
        document = {
            "adapter": str(adapter),
            "encoder": config.origin.encoder,
            "zoom": config.origin.zoom,
            "blocks": config.origin.blocks,
            "n_views": config.origin.n_views,
            "together": together,
            "reject": reject,
            "keep": keep,
            "sets": sets,
            "n_unfamiliar": n_unfamiliar,
            "classes": classes,
            "n_pictures": tally.n,
            "predictions": [prediction.to_dict() for prediction in listed],
            "scores": None if scores is None else scores.to_dict(),
            "warnings": [*warnings, *missing],
            "quarantined": quarantined_json(tally.unreadable),
        }
        write_document("predict", document)
    elif csv_file is None:
        show_predictions(listed, rank, console, csv_raw=csv_raw)
    if scores is not None:
        Console().note(*scores.told())  # was asked for, also where --quiet is given
