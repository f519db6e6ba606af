"""The folder of a finished evaluation, read back; a report uses nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import RECORD_FILE, REMEDY, read_record
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.run import SUMMARY_FILE, SUMMARY_SCHEMA
from metaadapter.bench.evaluation.summary import Ranks, of_records
from metaadapter.bench.evaluation.tables import read_table
from metaadapter.data.proof import read_document
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError

ZERO_SHOT = "zero-shot"
SUMMARY_WITHOUT_PROOF = "metaadapter.evaluation.summary/1"
# Read only if tasks have pools, but always checked, because the summary is computed from it.
ROWS_FILE = "rows.csv"
TABLES = ("classes", "confusion", "mistakes", "bins")
Row = Mapping[str, Any]
"""Column → value."""


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """The configuration, tables and summary of an evaluation."""

    config: EvaluationConfig
    record: str
    """Twelve hex digits of the hash of the methods and of the contents of the sets."""
    means: pd.DataFrame
    """A table as `evaluation.summary.means` makes it."""
    differences: pd.DataFrame
    """Each method less the reference."""
    ranks: Mapping[str, Ranks]
    """By part."""
    tables: Mapping[str, pd.DataFrame]
    """Tidy rows of `bins`, and of `rows` if tasks have pools; of `classes`, `confusion` and
    `mistakes`, the rows of the reference and of zero-shot with the most shots."""
    boxes: tuple[Box, ...]
    intervals: str
    """What the intervals cover."""
    sets: Mapping[str, Row]
    """Pictures, classes and encoder, by name."""
    versions: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> EvaluationRun:
        """Read the folder of an evaluation.

        Raises:
            DataError: The folder holds no evaluation, an unfinished one, or a damaged file.
            IncompatibleArtifact: A later version wrote the folder.
        """
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; name the --out of an evaluation")
        if not (folder / RECORD_FILE).exists():
            raise DataError(f"{folder} holds no evaluation (there is no {RECORD_FILE})")
        record = read_record(folder)
        unfinished = f"the evaluation {folder} is not finished: run its command again"
        if not (folder / SUMMARY_FILE).exists():
            raise DataError(f"{unfinished} (there is no {SUMMARY_FILE})")
        summary, proof = read_document(
            folder / SUMMARY_FILE, SUMMARY_SCHEMA, REMEDY, without_proof=(SUMMARY_WITHOUT_PROOF,)
        )
        if record.get("config") != summary.get("config"):
            raise DataError(f"{unfinished} (its tables hold less than its configuration asks for)")
        try:
            config = EvaluationConfig.model_validate(summary["config"])
            # Earlier versions wrote raw tables, without this entry.
            raw = summary.get("csv_raw", True)
            of_errors: dict[str, Any] = {
                "method": {config.reference_name, ZERO_SHOT},
                "n_shot": {config.ascending_shots[-1]},
            }
            files = {
                name: proof.find(name) if proof else folder / name
                for name in ("integrity.json", ROWS_FILE, *(f"{table}.csv" for table in TABLES))
            }
            errors = {
                name: read_table(files[f"{name}.csv"], raw=raw, **of_errors) for name in TABLES[:-1]
            }
            whole = ("bins", "rows") if config.pool else ("bins",)
            boxes = parse_json(regular(files["integrity.json"]).read_bytes())
            return cls(
                config=config,
                record=hashlib.sha256(json_text(record, sort_keys=True).encode()).hexdigest()[:12],
                means=of_records(summary["means"]),
                differences=of_records(summary["differences"]),
                ranks={part: Ranks(**ranks) for part, ranks in summary["ranks"].items()},
                tables=errors | {name: read_table(files[f"{name}.csv"], raw=raw) for name in whole},
                boxes=tuple(Box(**box) for box in boxes["boxes"]),
                intervals=summary["intervals"],
                sets=summary["sets"],
                versions=summary["versions"],
            )
        except (KeyError, OSError, TypeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{folder} was not written by this version of `metaadapter evaluate` ({error!r}); "
                "run its command again, or evaluate into another folder"
            ) from error
