"""`metaadapter merge`: join the results of several processes or machines into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from metaadapter.apps.cli import options
from metaadapter.apps.cli.console import Console, quarantined_json
from metaadapter.apps.cli.outputs import Output

Parts = Annotated[
    list[Path],
    Argument(metavar="PART...", help="Feature stores made by `metaadapter encode --shard`."),
]
Whole = Annotated[
    Path, Option("--out", "-o", metavar="WHOLE", help="New folder for the result."), Output()
]


def merge(
    parts: Parts,
    out: Whole,
    json_output: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Merge the shards of a feature store into the store that one process writes.

    Other stores of the same encoder are merged too, in the order of the paths of their pictures.
    """
    console = Console(quiet=quiet, json_output=json_output)
    from metaadapter.data.inputs import UnreadableImage
    from metaadapter.features.store.merge import merge_stores

    with console.progress() as progress:
        store = merge_stores(parts, out, progress=progress)
    quarantined = [UnreadableImage(*entry) for entry in store.header.quarantined]
    console.warn_of_pictures("these", [], quarantined)
    n_classes = len(store.classes)
    document = {
        "store": str(out),
        "parts": [str(part) for part in parts],
        "counts": store.header.counts,
        "n_total": store.n_pictures,
        "quarantined": quarantined_json(quarantined),
    }
    classes = f"{n_classes} classes" if n_classes else "without classes"
    summary = (
        f"{out}: {store.n_pictures} pictures, {classes}, from {len(parts)} stores "
        f"({len(quarantined)} unreadable)"
    )
    console.show_result("merge", document, summary)
