"""Estimates of methods at several numbers of shots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from metaadapter.bench.evaluation.summary import Estimate

ByShots = Mapping[str, Mapping[int, Estimate]]
"""Method → number of shots → estimate."""


def by_shots(means: pd.DataFrame, place: str, part: str, metric: str = "accuracy") -> ByShots:
    """One metric, of one set or over all, from a table as `evaluation.summary.means` makes it."""
    table: defaultdict[str, dict[int, Estimate]] = defaultdict(dict)
    chosen = (means["store"] == place) & (means["part"] == part) & (means["metric"] == metric)
    for row in means[chosen].itertuples():
        table[row.method][int(row.n_shot)] = Estimate(row.mean, row.half)
    return dict(table)
