"""`metaadapter predict`: an adapter's answer to new pictures."""

from __future__ import annotations

import csv
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metaadapter.commands import options
from metaadapter.commands.class_names import require_label
from metaadapter.commands.console import Console, write_document
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaadapter.adapter import AdapterConfig, StoredAdapter
    from metaadapter.commands.predictions import Prediction
    from metaadapter.commands.scores import Scores
    from metaadapter.features import EncodedPictures, ImageEncoder

__all__ = ["predict"]


def predict(
    adapter: Annotated[
        Path,
        typer.Argument(metavar="ADAPTER", help="Folder written by `metaadapter adapt`."),
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES",
            help="Pictures, folders (with all folders in them), manifests, feature stores.",
        ),
    ],
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help="Write a table with the probability of each class, in place of the list.",
        ),
    ] = None,
    rank: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Most probable pictures of this class first."),
    ] = None,
    sort: Annotated[
        Literal["sure", "doubtful"] | None,
        typer.Option(help="Surest or most doubtful pictures first."),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only the first N of the list.")] = None,
    labelled: Annotated[
        bool,
        typer.Option(
            "--labelled", help="The pictures have classes: tell how many answers are right."
        ),
    ] = False,
    split: options.Split = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where the adapter's encoder is now, if it was moved; it must be the same one.",
        ),
    ] = None,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Label new pictures, with probabilities and the runner-up.

    The adapter names its encoder, which is loaded and checked. Without a terminal the list is
    tab-separated: path, label, probability, runner-up, its probability[, that of --rank].
    """
    if rank is not None and sort is not None:
        raise UsageError("--rank and --sort are two orders; give one of them")
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.adapter import load_adapter
    from metaadapter.commands.predictions import ranked, write_csv
    from metaadapter.commands.query import read_queries
    from metaadapter.commands.scores import Scores

    stored = load_adapter(adapter)
    config = stored.config
    classes = [str(label) for label in config.classes]
    if rank is not None:
        require_label(rank, classes, option="--rank")
    load = partial(_load_encoder, adapter, config, encoder, device, precision)
    queries = read_queries(images, config, load, labelled=labelled, split=split, console=console)
    predictions = _predict(stored, queries, classes)
    answers = [prediction.label for prediction in predictions]
    scores = Scores.of(queries.labels, answers, classes) if labelled else None
    _warn(queries, predictions, console)

    listed = ranked(predictions, label=rank, order=sort)[:top]
    if csv_file is not None:
        write_csv(csv_file, listed, classes)
        console.note(f"wrote {len(listed)} predictions to {csv_file}")
    if json_output:
        write_document("predict", _document(adapter, config, queries, listed, scores))
    elif csv_file is None:
        _show(listed, rank, console)
    if scores is not None:
        console.note(str(scores), asked_for=True)


def _load_encoder(
    adapter: Path,
    config: AdapterConfig,
    override: str | None,
    device: str,
    precision: Literal["fp32", "bf16", "fp16"],
) -> ImageEncoder:
    """The encoder that the adapter was made with, checked by its fingerprint."""
    from metaadapter.features import load_encoder

    name = override or config.origin.encoder
    if name is None:
        raise UsageError(
            f"the adapter {adapter} was made from features and does not say by which encoder; "
            "name it with --encoder"
        )
    owner = f"the adapter {adapter}"
    remembered_by = owner if override is None else None
    encoder = load_encoder(name, device=device, precision=precision, remembered_by=remembered_by)
    config.origin.require_encoder(encoder.fingerprint, owner=owner)
    return encoder


def _predict(
    stored: StoredAdapter, queries: EncodedPictures, classes: Sequence[str]
) -> list[Prediction]:
    import torch

    from metaadapter.adapter import probabilities
    from metaadapter.commands.predictions import predictions_of

    support = set(stored.picture_hashes)
    known = [sha256 in support for sha256 in queries.sha256]
    shares = probabilities(torch.from_numpy(queries.features), stored.weights)
    return predictions_of(queries.paths, known, classes, shares.numpy())


def _warn(queries: EncodedPictures, predictions: Sequence[Prediction], console: Console) -> None:
    known = [prediction.path for prediction in predictions if prediction.in_support]
    console.warn_of(
        f"the adapter was predicted from {len(known)} of these very pictures, so their labels show "
        "memory, not skill:",
        known,
    )
    console.warn_of("about these pictures:", queries.warnings)
    unreadable = queries.quarantined
    console.warn_of(
        f"left out, because unreadable: {len(unreadable)}",
        [f"{picture.path}: {picture.reason}" for picture in unreadable],
    )


def _show(predictions: Sequence[Prediction], rank: str | None, console: Console) -> None:
    rows = [
        [
            *(it.path, it.label, f"{it.probability:.4f}"),
            *(it.runner_up, f"{it.runner_up_probability:.4f}"),
            *([f"{it.probabilities[rank]:.4f}"] if rank is not None else []),
        ]
        for it in predictions
    ]
    if not console.is_terminal:
        csv.writer(sys.stdout, delimiter="\t", lineterminator="\n").writerows(rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("picture", "label", "probability", "runner-up", "probability"):
        right = title == "probability"
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    if rank is not None:
        table.add_column(f"P({rank})", justify="right")
    for row in rows:
        table.add_row(*map(Text, row))
    console.table(table)


def _document(
    adapter: Path,
    config: AdapterConfig,
    queries: EncodedPictures,
    predictions: Sequence[Prediction],
    scores: Scores | None,
) -> dict[str, Any]:
    return {
        "adapter": str(adapter),
        "encoder": config.origin.encoder,
        "n_views": config.origin.n_views,
        "classes": [str(label) for label in config.classes],
        "n_pictures": len(queries),
        "predictions": [prediction.to_dict() for prediction in predictions],
        "scores": None if scores is None else scores.to_dict(),
        "warnings": list(queries.warnings),
        "quarantined": [
            {"path": str(picture.path), "reason": picture.reason} for picture in queries.quarantined
        ],
    }
