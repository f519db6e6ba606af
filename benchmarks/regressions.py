"""Compares the lines of two runs of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Timings on a busy machine differ by this fraction from run to run.
TOLERANCE = 0.25
# A figure may have a line for each of its peers.
IDENTITY = ("row", "figure", "peer_figure")
# Facts of a machine on which absolute figures depend; ratios to a peer compare anywhere.
MACHINE = ("processor", "cores", "torch_threads")


def compare(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a change for each line that both documents measured, the worst first.

    A change has the factor by which a line got worse, above 1, or better. It `is_worse` if the
    factor is above 1 + `TOLERANCE`; an absolute figure of another machine is never worse.
    """
    is_same = all(now["machine"].get(key) == before["machine"].get(key) for key in MACHINE)
    known = {tuple(line[key] for key in IDENTITY): line for line in before["lines"]}
    changes = []
    for line in now["lines"]:
        old = known.get(tuple(line[key] for key in IDENTITY))
        if old is None or old["limit"] != line["limit"] or None in (line["value"], old["value"]):
            continue
        ratio = line["value"] / old["value"]
        factor = 1 / ratio if line["more_is_better"] else ratio
        counts = line["peer_figure"] is not None or is_same
        changes.append(
            {
                "row": line["row"],
                "figure": line["figure"],
                "before": old["value"],
                "now": line["value"],
                "worse_by": factor,
                "is_worse": counts and factor > 1 + TOLERANCE,
                "compares": counts,
            }
        )
    return sorted(changes, key=lambda change: -change["worse_by"])
