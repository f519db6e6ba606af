"""`metaadapter encode --shard ray`: jobs encode the shards, then their stores are merged."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.cluster_options import parts_on_cluster
from metaadapter.apps.cli.console import Console
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.data.table import ImageTable
    from metaadapter.features.store.encode_to_store import EncodeReport


def encode_on_cluster(
    encode: Callable[..., object], values: Mapping[str, Any], table: ImageTable, console: Console
) -> EncodeReport:
    """Make the store of `table` by jobs that call the command `encode` with its own options."""
    from metaadapter.apps.cluster.parts import remove_parts
    from metaadapter.data.inputs import UnreadableImage, inputs_digest
    from metaadapter.features.store.encode_to_store import EncodeReport
    from metaadapter.features.store.header import HEADER_FILE
    from metaadapter.features.store.merge import merge_stores
    from metaadapter.features.store.stored_pictures import equal_pictures

    started, out = time.monotonic(), Path(values["out"])
    if values["drop_duplicates"]:
        raise UsageError(
            "--drop-duplicates cannot be used with --shard ray, since equal pictures may lie in "
            "two shards; leave it out, or encode on one machine"
        )
    if (out / HEADER_FILE).exists():
        remove_parts(out)
        raise UsageError(
            f"{out} is a whole feature store already; choose a new folder, or leave --shard out "
            "to encode only what is new"
        )
    pictures = [1] * len(table.rows), inputs_digest(table.rows)
    with parts_on_cluster(encode, values, "out", *pictures, console, json=True) as (parts, outputs):
        store = merge_stores(parts.paths, out)
    n_new = sum(parse_json(output)["n_new"] for output in outputs)
    seconds = time.monotonic() - started
    return EncodeReport(
        n_new=n_new,
        n_reused=store.n_pictures - n_new,
        n_removed=0,
        n_total=store.n_pictures,
        n_dropped=0,
        duplicates=equal_pictures(store.rows.pictures()),
        quarantined=tuple(UnreadableImage(*entry) for entry in store.header.quarantined),
        seconds=seconds,
        images_per_second=n_new / seconds,
    )
