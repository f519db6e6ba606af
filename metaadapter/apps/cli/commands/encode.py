"""`metaadapter encode`: turn pictures into a feature store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from metaadapter.apps.cli import field_options, options
from metaadapter.apps.cli.command_guard import MayBeUrl, Output
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.process import share_one_heap
from metaadapter.data.shard import read_shard
from metaadapter.errors import DataError

if TYPE_CHECKING:
    from metaadapter.data.table import ImageTable
    from metaadapter.features.store.encode_to_store import EncodeReport
    from metaadapter.features.store.feature_store import FeatureStore

MEASURES = (
    *("n_new", "n_reused", "n_removed", "n_total"),
    *("seconds", "images_per_second"),
)

Images = Annotated[
    Path,
    Argument(
        metavar="IMAGES",
        help="Pictures in folders, manifests, boxes or tar files.",
    ),
    MayBeUrl(),
]
Store = Annotated[
    Path, Option("--out", "-o", metavar="STORE", help="Folder of the feature store."), Output()
]
Labels = Annotated[bool, Option("--labels/--no-labels", help="Read the classes of the pictures.")]
BatchSize = Annotated[
    int | None,
    Option(
        min=1,
        help="Number of looks that the encoder takes at a time.",
        show_default="a fast number for the device",
    ),
]
Workers = Annotated[int | None, Option(min=1, help="Threads that read and encode.")]


def encode(
    images: Images,
    out: Store,
    encoder: options.Encoder = None,
    split: options.Split = None,
    labels: Labels = True,
    shard: options.Shard = None,
    detections: field_options.LabelledDetections = None,
    pictures: field_options.PicturesOfBoxes = None,
    min_confidence: field_options.MinConfidence = 0.2,
    batch_size: BatchSize = None,
    workers: Workers = None,
) -> None:
    """Encode pictures once, and store their features.

    A second run encodes only new pictures, which it recognizes by their bytes. To continue an
    interrupted run, give the same command again.
    """
    share_one_heap()
    console = Console()
    from metaadapter.apps.cli.encoder_choice import read_encoder
    from metaadapter.data.capture_time import are_whole_frames
    from metaadapter.data.reader import read_images
    from metaadapter.features.store.encode_to_store import encode_to_store
    from metaadapter.features.store.feature_store import FeatureStore

    part = read_shard(shard)
    of_boxes = field_options.of_boxes(pictures, detections, [images])
    read = partial(
        read_images, images, split=split, pictures=of_boxes, min_confidence=min_confidence
    )
    table = _table(read, images, console, labelled=labels)
    boxes = [detections] if detections else []
    cut = field_options.read_cut(pictures or images, None, boxes, min_confidence).labelled
    table = cut(table) if cut else table
    choice = read_encoder(encoder)
    whole_frames = are_whole_frames(table.rows, table.classes)
    boxed = any(row.box for row in table.rows)
    with console.progress():
        report = encode_to_store(
            table,
            choice.load(whole_frames=whole_frames, boxed=boxed),
            out,
            views=choice.views or 1,
            seed=choice.seed,
            batch_size=batch_size,
            workers=workers,
            shard=part,
        )
    about = console.warn_of_pictures("these", _warnings(table, report), report.quarantined)
    _warn_of_duplicates(report, console)
    store = FeatureStore.open(out)
    document = {**_document(table, report, store), **about}
    console.show_result("encode", document, _summary(report, store))


def _table(
    read: Callable[..., ImageTable], images: Path, console: Console, *, labelled: bool
) -> ImageTable:
    """Read the pictures; without classes if a flat folder or one picture has none."""
    try:
        return read(labelled=labelled)
    except DataError as error:
        try:
            table = read(labelled=False)
        except DataError:
            raise error from None
        if table.source not in ("flat folder", "one picture"):
            raise DataError(f"{error}; or encode without classes: --no-labels") from error
        console.note(f"{images}: {table.source}, so its pictures are encoded without classes")
        return table


def _warnings(table: ImageTable, report: EncodeReport) -> list[str]:
    from metaadapter.data.class_names import alike_labels, spelled_alike
    from metaadapter.features.store.picture_facts import contradictions

    warnings = [*table.warnings, *contradictions(report.duplicates)]
    if alike := alike_labels(table.classes):
        warnings.append(spelled_alike(alike))
    if table.descriptions:
        warnings.append(
            f"a feature store does not keep the descriptions of {len(table.descriptions)} "
            "class(es); adapt from the pictures, or give the descriptions with adapt --describe"
        )
    return warnings


def _warn_of_duplicates(report: EncodeReport, console: Console) -> None:
    n_copies = sum(len(group) - 1 for group in report.duplicates)
    heading = (
        f"pictures with the same bytes as another one: {n_copies}; evaluations keep those of a "
        "class on one side of a task"
    )
    equal = [" = ".join(picture.path for picture in group) for group in report.duplicates]
    console.warn_of(heading, equal)


def _document(table: ImageTable, report: EncodeReport, store: FeatureStore) -> dict[str, Any]:
    recipe = store.origin
    return {
        "store": store.folder,
        "source": table.source,
        "encoder": store.encoder,
        "fingerprint": store.fingerprint,
        "zoom": recipe.zoom,
        "blocks": recipe.blocks,
        "n_views": store.n_views,
        "seed": recipe.seed,
        "counts": store.header.counts,
        **{name: getattr(report, name) for name in MEASURES},
        "duplicates": [
            [{"path": picture.path, "label": picture.label} for picture in group]
            for group in report.duplicates
        ],
    }


def _summary(report: EncodeReport, store: FeatureStore) -> str:
    from metaadapter.features.views import looks_in_words

    classes = f"{len(store.classes)} classes" if store.classes else "without classes"
    speed = f", {report.images_per_second:,.0f} pictures/s" if report.n_new else ""
    looks = looks_in_words(store.origin.zoom, store.origin.blocks)
    return (
        f"{store.folder}: {report.n_total} pictures, {classes} ({report.n_new} new, "
        f"{report.n_reused} reused, {report.n_removed} removed, {len(report.quarantined)} "
        f"unreadable); encoder {store.encoder}, {store.n_views} view(s){looks}{speed}"
    )
