"""Compares accuracy across two domains, the set A@B, with that in one domain, the set B."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.summary import Estimate


def across_domains(rows: pd.DataFrame, config: EvaluationConfig) -> list[dict[str, Any]]:
    """Return a record for each method and number of shots of a set A@B, if B is a set, too.

    Both have queries from B, but draws of their own. Tasks of unequal numbers of ways are not
    compared. A record has `store` (A@B), `domain` (B), `method`, `part`, `n_shot`, the mean
    accuracies `in_domain` and `across` as fractions of 1, their `difference` (across minus in the
    domain) and its `half`, the half-width of Welch's 95 % interval (None for a single draw).
    """
    pairs = [
        (config.name_of_set(source, level), config.name_of_set(source[1], level))
        for source in config.stores
        for level in config.names
        if not isinstance(source, str) and source[1] in config.stores
    ]
    if not pairs:
        return []
    keys = ["store", "method", "part", "n_shot"]
    tasks = dict(iter(rows.dropna(subset="accuracy").groupby(keys, sort=False)))
    records = []
    for across_set, domain in pairs:
        for (store, method, part, n_shot), across in tasks.items():
            in_domain = tasks.get((domain, method, part, n_shot))
            if store != across_set or in_domain is None:
                continue
            if set(across["n_way"]) != set(in_domain["n_way"]):
                continue
            samples = [of_set["accuracy"].to_numpy(float) for of_set in (across, in_domain)]
            difference = Estimate.of_difference(*samples)
            records.append(
                {
                    "store": across_set,
                    "domain": domain,
                    "method": method,
                    "part": part,
                    "n_shot": int(n_shot),
                    "in_domain": float(samples[1].mean()),
                    "across": float(samples[0].mean()),
                    "difference": difference.mean,
                    "half": None if math.isnan(difference.half) else difference.half,
                }
            )
    return records
