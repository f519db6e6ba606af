"""`metaadapter merge`: join the results of several processes or machines into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli.command_guard import Output
from metaadapter.apps.cli.console import Console
from metaadapter.apps.cli.predict_table import ENDINGS, TABLES
from metaadapter.errors import UsageError

Parts = Annotated[
    list[Path],
    Argument(
        metavar="PART...",
        help="Feature stores made by `metaadapter encode --shard`, or tables made by `metaadapter "
        "predict --shard`.",
    ),
]
Whole = Annotated[
    Path,
    Option(
        "--out",
        "-o",
        metavar="WHOLE",
        help="New folder for the store, or a table: FILE.csv, FILE.jsonl or FILE.parquet.",
    ),
    Output(TABLES, ENDINGS),
]


def merge(
    parts: Parts,
    out: Whole,
) -> None:
    """Merge the parts of a store, or of a table of predictions.

    The result is what one process writes for all pictures. Other stores of the same encoder are
    merged too, in the order of the paths of their pictures.
    """
    console = Console()
    tables = [part for part in parts if _is_table(part)]
    if tables and len(tables) < len(parts):
        other = next(part for part in parts if part not in tables)
        raise UsageError(f"{tables[0]} is a table and {other} is none; merge tables or stores")
    if tables:
        _merge_tables(tables, out, console)
    else:
        _merge_stores(parts, out, console)


def _is_table(part: Path) -> bool:
    return part.name.lower().endswith(ENDINGS) and not part.is_dir()


def _merge_tables(parts: Sequence[Path], out: Path, console: Console) -> None:
    from metaadapter.workflow.prediction.prediction_shards import merge_predictions

    if not out.name.lower().endswith(ENDINGS):
        raise UsageError(
            f"--out {out} should be the table of the merged predictions; give it a name that ends "
            f"in {', '.join(ENDINGS)}"
        )
    merged = merge_predictions(parts, out)
    document = {"table": str(out), "parts": [*map(str, parts)], **merged._asdict()}
    summary = f"{out}: {merged}, from {len(parts)} tables"
    console.show_result("merge-predictions", document, summary)


def _merge_stores(parts: list[Path], out: Path, console: Console) -> None:
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.features.store.merge import merge_stores

    with console.progress():
        store = merge_stores(parts, out)
    quarantined = [UnreadableImage(*entry) for entry in store.header.quarantined]
    about = console.warn_of_pictures("these", [], quarantined)
    n_classes = len(store.classes)
    document = {
        "store": str(out),
        "parts": [str(part) for part in parts],
        "counts": store.header.counts,
        "n_total": store.n_pictures,
        "quarantined": about["quarantined"],
    }
    classes = f"{n_classes} classes" if n_classes else "without classes"
    summary = (
        f"{out}: {store.n_pictures} pictures, {classes}, from {len(parts)} stores "
        f"({len(quarantined)} unreadable)"
    )
    console.show_result("merge", document, summary)
