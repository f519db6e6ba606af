"""The table that `metaadapter predict` writes: its place, its kind, and the share of a shard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.apps.cli.predict_field import FieldRun
    from metaadapter.apps.cli.predict_output import Listing
    from metaadapter.data.shard import Shard
    from metaadapter.workflow.prediction_request import PredictionRequest
    from metaadapter.workflow.prediction_rows import RowFormat
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
    from metaadapter.data.output_file import is_stream
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


class NewTable(NamedTuple):
    """A table to write, and all that its rows depend on."""

    file: Path
    rows: RowFormat
    job: dict[str, Any]
    is_resumable: bool

    @classmethod
    def of(
        cls,
        file: Path,
        request: PredictionRequest,
        field: FieldRun | None,
        *,
        facts: Sequence[object],
    ) -> NewTable:
        """Choose the columns; `facts` are what the rows depend on, too."""
        from metaadapter.workflow.prediction_rows import RowFormat

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
            pictures = request.pictures_digest
            job |= {"pictures": pictures, "shard": number, "n_shards": n_shards}
        return cls(file, rows, job, request.is_resumable)

    @property
    def digest(self) -> str:
        """The digest of the request."""
        return str(self.job["request"])

    def open(self) -> PredictionTable:
        """Open the table, with the rows of an interrupted run of the same job."""
        from metaadapter.workflow.prediction_table import PredictionTable

        job = self.job if self.is_resumable else None
        return PredictionTable(self.file, self.rows, job=job, is_shard="shard" in self.job)
