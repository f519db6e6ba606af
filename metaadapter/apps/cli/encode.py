"""`metaadapter encode`: pictures into a feature store."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, print_document, quarantined_json
from metaadapter.apps.cli.one_heap import share_one_heap
from metaadapter.errors import DataError, UsageError

if TYPE_CHECKING:
    from metaadapter.data.table import ImageTable
    from metaadapter.features.extraction import EncodeReport
    from metaadapter.features.store.feature_store import FeatureStore


def encode(
    images: Annotated[
        Path,
        Argument(
            metavar="IMAGES",
            help="Folder with one folder per class, flat folder, manifest (.csv, .jsonl, "
            ".parquet) or CoOp split (.json).",
        ),
    ],
    out: Annotated[
        Path, Option("--out", "-o", metavar="STORE", help="Folder of the feature store.")
    ],
    encoder: options.Encoder = "tiny",
    zoom: options.Zoom = None,
    blocks: options.Blocks = None,
    views: options.Views = 1,
    seed: options.Seed = 0,
    split: options.Split = None,
    labels: Annotated[
        bool, Option("--labels/--no-labels", help="Take classes from the source.")
    ] = True,
    templates: options.Templates = None,
    shard: Annotated[
        str | None, Option(metavar="I/N", help="Encode only the I-th of N parts, for N machines.")
    ] = None,
    drop_duplicates: Annotated[
        bool,
        Option("--drop-duplicates", help="Keep one of pictures of equal bytes, the first by path."),
    ] = False,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    batch_size: Annotated[
        int | None,
        Option(
            min=1,
            help="Looks at pictures that the encoder takes at a time.",
            show_default="what is fast on the device",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        Option(min=1, help="Threads that read and encode; as many as there are cores by default."),
    ] = None,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn pictures into frozen features, once.

    A second run encodes only what is new; pictures are known by their bytes. An interrupted run
    goes on where it stopped when the same command is given again.
    """
    part = _shard(shard)
    share_one_heap()
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.features.encoder_by_name import load_encoder
    from metaadapter.features.extraction import encode_to_store
    from metaadapter.features.store.feature_store import FeatureStore
    from metaadapter.features.store.rows import contradictions

    table = _read(images, labelled=labels, split=split, console=console)
    loaded = load_encoder(
        encoder,
        device=device,
        precision=precision,
        templates=templates,
        zoom=zoom,
        blocks=options.block_names(blocks),
    )
    with console.progress() as progress:
        report = encode_to_store(
            table,
            loaded,
            out,
            views=views,
            seed=seed,
            batch_size=batch_size,
            workers=workers,
            shard=part,
            drop_duplicates=drop_duplicates,
            progress=progress,
        )
    store = FeatureStore.open(out)
    warnings = [*table.warnings, *contradictions(report.duplicates)]
    if table.descriptions:
        warnings.append(
            f"sentences on {len(table.descriptions)} class(es) are not kept in a feature store; "
            "adapt from the pictures, or give them to adapt with --describe"
        )
    console.warn_of_pictures("these", warnings, report.quarantined)
    _warn_of_duplicates(report, console)
    if not json_output:
        console.result(_summary(report, store))
        return
    document = {
        "store": str(store.folder),
        "source": table.source,
        "encoder": store.encoder,
        "fingerprint": asdict(store.fingerprint),
        "zoom": store.header.recipe.zoom,
        "blocks": store.header.recipe.blocks,
        "n_views": store.n_views,
        "seed": store.header.recipe.seed,
        "counts": store.header.counts,
        "n_new": report.n_new,
        "n_reused": report.n_reused,
        "n_removed": report.n_removed,
        "n_total": report.n_total,
        "n_dropped": report.n_dropped,
        "duplicates": [
            [{"path": picture.path, "label": picture.label} for picture in group]
            for group in report.duplicates
        ],
        "quarantined": quarantined_json(report.quarantined),
        "warnings": warnings,
        "seconds": report.seconds,
        "images_per_second": report.images_per_second,
    }
    print_document("encode", document)


def _read(images: Path, *, labelled: bool, split: str | None, console: Console) -> ImageTable:
    """The pictures with their labels; without, where the source clearly has none."""
    from metaadapter.data.reader import read_images

    try:
        return read_images(images, labelled=labelled, split=split)
    except DataError as error:
        try:
            table = read_images(images, labelled=False, split=split)
        except DataError:
            raise error from None
        if table.source not in ("flat folder", "one picture"):
            raise DataError(f"{error}; or encode without classes: --no-labels") from error
        console.note(f"{images}: {table.source}, so its pictures are encoded without classes")
        return table


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(
            f"--shard expects I/N with I from 1 to N, got {text!r}; on the first of four machines "
            "give --shard 1/4, on the second 2/4, and so on"
        )
    return int(match[1]), int(match[2])


def _warn_of_duplicates(report: EncodeReport, console: Console) -> None:
    if report.n_dropped:
        heading = f"left out, because their bytes are those of another picture: {report.n_dropped}"
    else:
        n_copies = sum(len(group) - 1 for group in report.duplicates)
        heading = (
            f"pictures whose bytes are those of another one: {n_copies}; evaluations of this store "
            "will fail their check of support and queries; to keep one of each: --drop-duplicates"
        )
    equal = [" = ".join(picture.path for picture in group) for group in report.duplicates]
    console.warn_of(heading, equal)


def _summary(report: EncodeReport, store: FeatureStore) -> str:
    from metaadapter.features.looks import looks_in_words

    classes = f"{len(store.classes)} classes" if store.classes else "without classes"
    speed = f", {report.images_per_second:,.0f} pictures/s" if report.n_new else ""
    recipe = store.header.recipe
    seen = looks_in_words(recipe.zoom, recipe.blocks)
    dropped = f", {report.n_dropped} duplicates dropped" if report.n_dropped else ""
    return (
        f"{store.folder}: {report.n_total} pictures, {classes} ({report.n_new} new, "
        f"{report.n_reused} reused, {report.n_removed} removed, {len(report.quarantined)} "
        f"unreadable{dropped}); encoder {store.encoder}, {store.n_views} view(s){seen}{speed}"
    )
