"""Reads the folder of a finished evaluation; a report uses nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import (
    RECORD_FILE,
    REMEDY,
    SUMMARY_FILE,
    SUMMARY_SCHEMA,
    Record,
)
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.summary import (
    BY_CLASS,
    COLUMNS,
    P_BY_CLASS,
    Estimate,
    of_records,
)
from metaadapter.bench.evaluation.tables import read_table
from metaadapter.errors import DataError
from metaadapter.files.checksums import Proof, content_hash, read_document
from metaadapter.files.strict_json import json_text

T = TypeVar("T")
ZERO_SHOT = "zero-shot"
Row = Mapping[str, Any]
"""Name of a column → value."""

ByShots = Mapping[str, Mapping[int, Estimate]]
"""Method → number of shots → estimate."""


@dataclass(frozen=True)
class EvaluationRun:
    """A finished evaluation: its configuration, its summary, and its tables."""

    config: EvaluationConfig
    record: str
    """Twelve hexadecimal digits from a hash of the methods and of the contents of the sets."""
    summary: Mapping[str, Any]
    """The JSON form of an `Evaluation`."""
    proof: Proof
    """The hashes of the tables."""

    @classmethod
    def read(cls, folder: Path) -> EvaluationRun:
        """Open a folder; `DataError` if it holds no finished evaluation, or a damaged summary."""
        if not folder.is_dir():
            raise DataError(f"there is no folder {folder}; name the --out folder of an evaluation")
        if not (folder / RECORD_FILE).exists():
            raise DataError(
                f"{folder} holds no evaluation (no {RECORD_FILE} in it); choose another"
            )
        record = Record.read(folder).to_dict()
        unfinished = f"the evaluation {folder} is not finished: run its command again"
        if not (folder / SUMMARY_FILE).exists():
            raise DataError(f"{unfinished} (there is no {SUMMARY_FILE})")
        summary, proof = read_document(folder / SUMMARY_FILE, SUMMARY_SCHEMA, REMEDY)
        if record["config"] != summary["config"]:
            raise DataError(f"{unfinished} (its tables lack cells that its configuration asks for)")
        digest = content_hash(json_text(record, sort_keys=True))[:12]
        config = EvaluationConfig.model_validate(summary["config"])
        return cls(config, digest, summary, proof)

    @property
    def has_answers(self) -> bool:
        """Whether tables tell of single answers; those of a sequence are counted in steps."""
        return "confusion.csv" in self.proof.files

    def table(self, name: str, **wanted: Iterable[Any]) -> pd.DataFrame:
        """Read a table, checked by its hash; of `wanted` (column → values) only these rows."""
        return read_table(self.proof.find(f"{name}.csv"), **wanted)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The figures of each task."""
        return self.table("rows")

    @cached_property
    def errors(self) -> Mapping[str, pd.DataFrame]:
        """Three tables of the reference and of zero-shot with the most shots."""
        wanted: dict[str, Any] = {
            "method": {self.config.reference_name, ZERO_SHOT},
            "n_shot": {self.config.ascending_shots[-1]},
        }
        return {name: self.table(name, **wanted) for name in ("classes", "confusion", "mistakes")}

    def figures(self, name: str) -> pd.DataFrame:
        """Return the `means` or `differences` of the summary."""
        return of_records(self.summary[name], (*COLUMNS, BY_CLASS, P_BY_CLASS))

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The outcomes of the checks of integrity."""
        return tuple(Box(**box) for box in self.summary["integrity"])


def by_shots(
    means: pd.DataFrame, place: str, metric: str = "accuracy", half: str = "half"
) -> ByShots:
    """Return one metric for a `place`, a set or `MEAN`, from a table of `summary.means`.

    Rows without a number in the column `half` are left out, unless it is that over draws.
    """
    table: defaultdict[str, dict[int, Estimate]] = defaultdict(dict)
    chosen = (means["store"] == place) & (means["metric"] == metric)
    if half != "half":
        chosen &= means[half].notna()
    for row in means[chosen].itertuples():
        table[row.method][int(row.n_shot)] = Estimate(row.mean, getattr(row, half))
    return dict(table)


def at(table: Mapping[str, Mapping[int, T]], method: str, n_shot: int) -> T | None:
    """Return the value of a method at a number of shots; None if there is none."""
    return table.get(method, {}).get(n_shot)
