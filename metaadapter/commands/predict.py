"""`metaadapter predict`: what an adapter predicts for new pictures."""

from __future__ import annotations

import csv
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from metaadapter.commands import options
from metaadapter.commands.console import Console, quarantined_json, write_document
from metaadapter.errors import UsageError
from metaadapter.plain_text import in_csv, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaadapter.images import UnreadableImage
    from metaadapter.task.predictions import Prediction

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
            "in FILE.partial, which an interrupted run leaves.",
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
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import load_adapter, require_adapter_folder, save_adapter
    from metaadapter.features import EncodedPictures
    from metaadapter.task.classes import require_label
    from metaadapter.task.pool import as_pool, pool_effect, predict_together, require_together
    from metaadapter.task.prediction_table import PredictionTable
    from metaadapter.task.predictions import UNKNOWN, Asked, Scores, predict_pictures, ranked
    from metaadapter.task.queries import load_adapter_encoder, read_queries

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
    load = partial(load_adapter_encoder, adapter, config, encoder, device, precision)
    predictions: list[Prediction] = []
    warnings: list[str] = []
    unreadable: list[UnreadableImage] = []
    opened = (
        None
        if csv_file is None
        else PredictionTable(csv_file, classes, raw=csv_raw, sets=sets is not None)
    )
    with opened or nullcontext() as table:
        with console.progress() as progress:
            parts = read_queries(
                images,
                config,
                load,
                labelled=labelled,
                further_labels=[UNKNOWN] if reject else (),
                split=split,
                progress=progress,
            )
            if together:
                whole = EncodedPictures.joined(parts, width=config.width)
                pool, told = as_pool(whole, stored.picture_hashes, config.origin.seed)
                stored, parts = predict_together(stored, pool, adapter), iter([whole])
                warnings += told
            for pictures in parts:
                predictions += (some := predict_pictures(stored, pictures, asked))
                warnings += pictures.warnings
                unreadable += pictures.quarantined
                if table is not None:
                    table.add(some)
        listed = ranked(predictions, label=rank, order=sort)[:top]
        if table is not None:
            table.finish(listed if rank or sort or top else None)

    if out is not None:
        save_adapter(out, stored.weights, stored.config, stored.support, stored.picture_hashes)
        console.note(f"{out}: the adapter, with {stored.config.n_unlabelled} unlabelled pictures")
    if together:
        console.note("these answers depend on one another: other pictures beside may change them")
        effect = None if quiet and not json_output else pool_effect(stored)
        warnings += effect.told(classes)[1:] if effect else ()
    known = [prediction.path for prediction in predictions if prediction.in_support]
    console.warn_of(
        f"the adapter was predicted from {len(known)} of these very pictures, so their labels show "
        "memory, not skill:",
        known,
    )
    console.warn_of_pictures("these", warnings, unreadable)
    if n_unfamiliar := sum(prediction.unfamiliar for prediction in predictions):
        answer = "they are answered `unknown`" if reject else "they may show none of the classes"
        console.note(f"{n_unfamiliar} of {len(predictions)} pictures look unfamiliar: {answer}")
    scores = Scores.of_predictions(predictions) if labelled else None
    if csv_file is not None:
        console.note(f"wrote {len(listed)} predictions to {csv_file}")
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
            "n_pictures": len(predictions),
            "predictions": [prediction.to_dict() for prediction in listed],
            "scores": None if scores is None else scores.to_dict(),
            "warnings": warnings,
            "quarantined": quarantined_json(unreadable),
        }
        write_document("predict", document)
    elif csv_file is None:
        _show(listed, rank, console, csv_raw=csv_raw)
    if scores is not None:
        Console().note(*scores.told())  # was asked for, also where --quiet is given


def _show(
    predictions: Sequence[Prediction], rank: str | None, console: Console, *, csv_raw: bool
) -> None:
    rows = [
        [
            it.path,
            it.label,
            f"{it.probability:.4f}",
            it.runner_up,
            f"{it.runner_up_probability:.4f}",
        ]
        + ([] if rank is None else [f"{it.probabilities[rank]:.4f}"])
        + ([] if it.known is None else [f"{it.known:.4f}", "unfamiliar" if it.unfamiliar else ""])
        + ([] if it.set is None else [", ".join(it.set)])
        for it in predictions
    ]
    if not console.stdout.is_terminal:
        inert = ([in_csv(one_line(cell)) for cell in row] for row in rows)
        # Where lines end with \n alone, a carriage return in a name would not be quoted.
        plain, quoted = (
            csv.writer(sys.stdout, "excel-tab", lineterminator="\n", quoting=quoting)
            for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
        )
        if csv_raw and (reconfigure := getattr(sys.stdout, "reconfigure", None)):
            # A file name of undecodable bytes comes out as the same bytes.
            reconfigure(errors="surrogateescape")
        for row in rows if csv_raw else inert:
            (quoted if "\r" in "".join(row) else plain).writerow(row)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("picture", "label", "probability", "runner-up", "probability"):
        right = title == "probability"
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    if rank is not None:
        table.add_column(Text(one_line(f"P({rank})")), justify="right", overflow="fold")
    if any(it.known is not None for it in predictions):
        table.add_column("known", justify="right", overflow="fold")
        table.add_column("", overflow="fold")
    if any(it.set is not None for it in predictions):
        table.add_column("may be", overflow="fold")
    for row, it in zip(rows, predictions, strict=True):
        cells = [Text(one_line(cell)) for cell in row]
        table.add_row(*cells, style="dim" if it.unfamiliar else None)
    console.stdout.print(table)
