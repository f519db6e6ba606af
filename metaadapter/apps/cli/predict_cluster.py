"""`metaadapter predict --shard ray`: jobs predict the shards, then their tables are merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.apps.cli.cluster_options import parts_on_cluster
from metaadapter.apps.cli.console import Console
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.workflow.prediction_request import PredictionRequest


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
    from metaadapter.data.input_digest import inputs_digest
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
