"""The table that `metaadapter predict` writes: its place and rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.data.shard import Shard
    from metaadapter.workflow.prediction.prediction_rows import RowFormat
    from metaadapter.workflow.prediction.run_predict import PredictionRequest

ENDINGS = (".csv", ".jsonl", ".parquet")
# The contents of tables that the command has written, finished or not, and of files beside them.
TABLES = (
    rb"\Apath,label,probability,runner_up,"
    rb'|\A\{"path": "(?:[^"\\]|\\.)*", "label": (?:null|"(?:[^"\\]|\\.)*"), "probability": '
    rb"|\APAR1.*metaadapter\.predictions/|\ASQLite format 3\x00.{52}meta"
    rb"|\A(?:\xd9\xd5\x05\xf9 \xa1c\xd7|\x00{8})"  # the journal of SQLite, after a kill
)


def table_or_adapter(out: Path | None, *, together: bool) -> tuple[Path | None, Path | None]:
    """Return the file of the table and the place of the adapter; `--out` names one of them."""
    if out is None or out.name.lower().endswith(ENDINGS):
        return out, None
    if not together:
        raise UsageError(
            f"--out {out} names an adapter, which only --together makes; add --together, or give a "
            f"table a name that ends in {', '.join(ENDINGS)}"
        )
    from metaadapter.adapter.files import require_adapter_folder

    require_adapter_folder(out)
    return None, out


def shard_of(text: str | None, table: Path | None) -> Shard | None:
    """Read --shard, which needs a table that can be merged."""
    from metaadapter.data.shard import read_shard
    from metaadapter.files.output_folder import is_stream

    shard = read_shard(text)
    if shard is not None and (table is None or is_stream(table)):
        raise UsageError("--shard writes a table to merge; give --out FILE.csv, .jsonl or .parquet")
    return shard


def rows_and_job(
    request: PredictionRequest, field: FieldRun | None, *facts: object
) -> tuple[RowFormat, dict[str, Any]]:
    """Return the columns of the table, and the job that its rows belong to.

    `facts` are further ones that the rows depend on.
    """
    from metaadapter.workflow.prediction.prediction_rows import RowFormat

    rows = RowFormat(
        request.classes,
        sets=request.options.coverage is not None,
        tree=request.stored.config.tree is not None,
    )
    rows = rows if field is None else field.rows(rows)
    of_field = () if field is None else field.digest_facts
    job: dict[str, Any] = {"request": request.digest(rows, *facts, *of_field)}
    if request.shard is not None:
        number, n_shards = request.shard
        job |= {"pictures": request.pictures_digest, "shard": number, "n_shards": n_shards}
    return rows, job
