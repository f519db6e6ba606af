"""The loss across two domains, by set and method, as a report shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.evaluation_run import ByShots, Row

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DomainLoss:
    """Accuracies on queries of one domain, with labelled pictures of the same and of another."""

    set: str
    domain: str
    """The set of the queries' domain alone."""
    in_domain: Mapping[str, Mapping[int, float]]
    """Method → number of shots → accuracy in the domain."""
    across: Mapping[str, Mapping[int, float]]
    difference: ByShots
    """Across minus in the domain; the draws of both are independent."""


def domain_losses(
    records: Iterable[Row], methods: Sequence[str], part: str
) -> tuple[DomainLoss, ...]:
    """Arrange the records of `across_domains` on a part of the classes."""
    chosen = [row for row in records if row["part"] == part and row["method"] in methods]
    losses = []
    for name, domain in dict.fromkeys((row["store"], row["domain"]) for row in chosen):
        rows = [row for row in chosen if row["store"] == name]
        in_domain = _by_shots(rows, itemgetter("in_domain"))
        across = _by_shots(rows, itemgetter("across"))
        losses.append(DomainLoss(name, domain, in_domain, across, _by_shots(rows, _difference)))
    return tuple(losses)


def _by_shots(rows: Sequence[Row], value: Callable[[Row], T]) -> dict[str, dict[int, T]]:
    return {
        method: {row["n_shot"]: value(row) for row in rows if row["method"] == method}
        for method in dict.fromkeys(row["method"] for row in rows)
    }


def _difference(row: Row) -> Estimate:
    return Estimate(row["difference"], math.nan if row["half"] is None else row["half"])
