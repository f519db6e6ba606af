"""Reads the folder of a finished evaluation; a report uses nothing else."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from metaadapter.bench.evaluation.class_intervals import BY_CLASS, P_BY_CLASS
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.folder import read_run
from metaadapter.bench.evaluation.integrity import Box
from metaadapter.bench.evaluation.run import SUMMARY_SCHEMA
from metaadapter.bench.evaluation.summary import COLUMNS, Estimate, Ranks, of_records
from metaadapter.bench.evaluation.tables import read_table

T = TypeVar("T")
ZERO_SHOT = "zero-shot"
TABLES = ("classes", "confusion", "mistakes", "bins")
Row = Mapping[str, Any]
"""Name of a column → value."""

ByShots = Mapping[str, Mapping[int, Estimate]]
"""Method → number of shots → estimate."""


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """The configuration, tables and summary of an evaluation."""

    config: EvaluationConfig
    record: str
    """Twelve hexadecimal digits from a hash of the methods and of the contents of the sets."""
    means: pd.DataFrame
    """A table as `evaluation.summary.means` returns it."""
    differences: pd.DataFrame
    """The figures of each method minus the reference."""
    ranks: Mapping[str, Ranks]
    across: Sequence[Row]
    """The records of `across_domains`."""
    tables: Mapping[str, pd.DataFrame]
    """`bins` and `rows`; `classes`, `confusion` and `mistakes` only for the reference and
    zero-shot with the most shots."""
    boxes: tuple[Box, ...]
    intervals: str
    sets: Mapping[str, Row]
    versions: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> EvaluationRun:
        """Read and check the folder of a finished evaluation."""
        with read_run(folder, SUMMARY_SCHEMA) as run:
            config, summary = run.config, run.summary
            of_errors: dict[str, Any] = {
                "method": {config.reference_name, ZERO_SHOT},
                "n_shot": {config.ascending_shots[-1]},
            }
            files = {
                name: run.file(name) for name in ("rows.csv", *(f"{table}.csv" for table in TABLES))
            }
            errors = {name: read_table(files[f"{name}.csv"], **of_errors) for name in TABLES[:-1]}
            return cls(
                config=config,
                record=run.record,
                means=of_records(summary["means"]),
                differences=of_records(summary["differences"], (*COLUMNS, BY_CLASS, P_BY_CLASS)),
                ranks={part: Ranks(**ranks) for part, ranks in summary["ranks"].items()},
                across=summary["across"],
                tables=errors
                | {name: read_table(files[f"{name}.csv"]) for name in ("bins", "rows")},
                boxes=tuple(Box(**box) for box in summary["integrity"]),
                intervals=summary["intervals"],
                sets=summary["sets"],
                versions=summary["versions"],
            )


def by_shots(
    means: pd.DataFrame, place: str, part: str, metric: str = "accuracy", half: str = "half"
) -> ByShots:
    """Return one metric for a `place`, a set or `MEAN`, from a table of `summary.means`.

    Rows without a number in the column `half` are left out, unless it is that over draws.
    """
    table: defaultdict[str, dict[int, Estimate]] = defaultdict(dict)
    chosen = (means["store"] == place) & (means["part"] == part) & (means["metric"] == metric)
    if half != "half":
        chosen &= means[half].notna()
    for row in means[chosen].itertuples():
        table[row.method][int(row.n_shot)] = Estimate(row.mean, getattr(row, half))
    return dict(table)


def at(table: Mapping[str, Mapping[int, T]], method: str, n_shot: int) -> T | None:
    """Return the value of a method at a number of shots; None if there is none."""
    return table.get(method, {}).get(n_shot)


@dataclass(frozen=True, slots=True)
class DomainLoss:
    """Accuracies on queries of one domain, with labelled pictures of the same and of another."""

    set: str
    domain: str
    """The set of the queries' domain alone."""
    in_domain: dict[str, dict[int, float]]
    """Method → number of shots → accuracy in the domain."""
    across: dict[str, dict[int, float]]
    difference: dict[str, dict[int, Estimate]]
    """Across minus in the domain; the draws of both are independent."""


def domain_losses(
    records: Iterable[Row], methods: Sequence[str], part: str
) -> tuple[DomainLoss, ...]:
    """Arrange the records of `across_domains` on a part of the classes."""
    losses: dict[str, DomainLoss] = {}
    for row in records:
        if row["part"] != part or row["method"] not in methods:
            continue
        name, method, n_shot = row["store"], row["method"], row["n_shot"]
        loss = losses.setdefault(name, DomainLoss(name, row["domain"], {}, {}, {}))
        half = math.nan if row["half"] is None else row["half"]
        loss.in_domain.setdefault(method, {})[n_shot] = row["in_domain"]
        loss.across.setdefault(method, {})[n_shot] = row["across"]
        loss.difference.setdefault(method, {})[n_shot] = Estimate(row["difference"], half)
    return tuple(losses.values())
