"""The table that `metaadapter predict` writes: its place and rows, by this process or by jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.cluster_options import parts_on_cluster
from metaadapter.apps.cli.console import Console
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.apps.cli.predict_output import Listing
    from metaadapter.data.shard import Shard
    from metaadapter.workflow.prediction_request import PredictionRequest
    from metaadapter.workflow.prediction_table import PredictionTable

ENDINGS = (".csv", ".jsonl", ".parquet")
# The contents of tables that the command has written, finished or not, and of files beside them.
TABLES = (
    rb"\Apath,label,probability,runner_up,"
    rb'|\A\{"path": "(?:[^"\\]|\\.)*", "label": (?:null|"(?:[^"\\]|\\.)*"), "probability": '
    rb"|\APAR1.*metaadapter\.predictions/|\ASQLite format 3\x00.{52}meta"
    rb"|\A(?:\xd9\xd5\x05\xf9 \xa1c\xd7|\x00{8})"  # the journal of SQLite, after a kill
)


def table_or_adapter(out: Path | None) -> tuple[Path | None, Path | None]:
    """Return the file of the table and the place of the adapter; `--out` names one of them."""
    if out is None or not out.name.lower().endswith(ENDINGS):
        return None, out
    return out, None


def shard_of(
    text: str | None, table: Path | None, listing: Listing, *, is_exported: bool
) -> Shard | None:
    """Read --shard, which excludes options that need all pictures."""
    from metaadapter.data.output_folder import is_stream
    from metaadapter.data.shard import read_shard

    shard = read_shard(text)
    if shard is None:
        return None
    if table is None or is_stream(table):
        raise UsageError("--shard writes a table to merge; give --out FILE.csv, .jsonl or .parquet")
    if listing.is_chosen:
        raise UsageError(
            "--sort and --top order all pictures, and --shard predicts only a part of them; leave "
            "them out, and order the merged table"
        )
    if is_exported:
        raise UsageError(
            "--export writes a file of all pictures, and --shard predicts only a part of them; "
            "leave one of the two out"
        )
    return shard


def new_table(
    file: Path,
    request: PredictionRequest,
    field: FieldRun | None,
    *,
    facts: Sequence[object],
) -> tuple[str, Callable[[], PredictionTable]]:
    """Return a digest of all that the rows depend on, also `facts`, and a function.

    The function opens the table, with the rows of an interrupted run of the same job.
    """
    from metaadapter.workflow.prediction_rows import RowFormat
    from metaadapter.workflow.prediction_table import PredictionTable

    rows = RowFormat(
        request.classes,
        sets=request.options.coverage is not None,
        tree=request.stored.config.tree is not None,
    )
    rows = rows if field is None else field.rows(rows)
    of_field = () if field is None else field.digest_facts
    digest = str(request.digest(rows, *facts, *of_field))
    job: dict[str, Any] = {"request": digest}
    if request.shard is not None:
        number, n_shards = request.shard
        job |= {"pictures": request.pictures_digest, "shard": number, "n_shards": n_shards}
    kept = job if request.is_resumable else None
    return digest, partial(PredictionTable, file, rows, job=kept, is_shard="shard" in job)


def predict_on_cluster(
    predict: Callable[..., object],
    values: Mapping[str, Any],
    request: PredictionRequest,
    digest: str,
    console: Console,
) -> None:
    """Write the table of a request by jobs that call the command `predict` with its options.

    `digest` is that of the adapter and of all other files that the rows depend on.
    """
    from metaadapter.data.inputs import inputs_digest
    from metaadapter.workflow.prediction_shards import merge_predictions
    from metaadapter.workflow.queries import PICTURES_AT_ONCE
    from metaadapter.workflow.stored_queries import STORED_AT_ONCE

    if values["labelled"]:
        raise UsageError(
            "--labelled counts correct predictions in one process; leave it out, or --shard ray"
        )
    file: Path = values["out"]
    queries = request.queries
    lengths = [(len(of_store), STORED_AT_ONCE) for of_store in queries.stored]
    sizes = [
        min(size, length - start)
        for length, size in (*lengths, (len(queries.rows), PICTURES_AT_ONCE))
        for start in range(0, length, size)
    ]
    stores = (stored.digest for stored in queries.stored)
    facts = " ".join([digest, inputs_digest(queries.rows), *stores])
    with parts_on_cluster(predict, values, "out", sizes, facts, console, ending=file.suffix) as (
        parts,
        _,
    ):
        merged = merge_predictions(parts.paths, file)
    document = {
        "adapter": str(request.adapter),
        "file": str(file),
        "n_rows": merged.n_rows,
        "statuses": merged.statuses,
    }
    counts = ", ".join(f"{count:,} {status}" for status, count in merged.statuses.items())
    console.show_result("predict-on-cluster", document, f"{file}: {merged.n_rows:,} rows, {counts}")
