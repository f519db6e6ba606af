"""The first sentences of a report: how accurate the reference is, and beside which peer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metaadapter.bench.evaluation.method_names import without_suffixes
from metaadapter.bench.evaluation.picture_methods import TOWER_PEERS
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.bench.report.evaluation_result import Part
from metaadapter.bench.report.words import part_suffix, signed


def headline(part: Part, place: str, reference: str) -> str:
    """State the accuracy at each number of shots, and the gain over the strongest peer there.

    Without a peer the gain is over the best of the other methods.
    """
    accuracy, gain = part.accuracy[place], part.gain[place]
    of_reference = accuracy.get(reference, {})
    if not of_reference:
        return f"No figure of {reference} could be scored."
    shots = sorted(of_reference)
    percentages = _and([f"{100 * of_reference[n].mean:.1f}" for n in shots])
    text = (
        f"With {_and(shots)} labelled picture{'' if shots == [1] else 's'} a class, {reference} "
        f"is correct on {percentages} % of the pictures it has not seen{part_suffix(part.part)}."
    )
    peers = [name for name in accuracy if _is_peer(name) and name != reference]
    others = peers or [name for name in accuracy if name != reference]
    best = {
        n: max(measured, key=lambda name, n=n: accuracy[name][n].mean)  # type: ignore[misc]
        for n in shots
        if (measured := [name for name in others if n in accuracy[name]])
    }
    if not best:
        return text
    gains = {n: gain[name][n] for n, name in best.items()}
    listed = [
        f"{signed(gains[n])} ({n} shot{'' if n == 1 else 's'}, {name})" for n, name in best.items()
    ]
    kind = "strongest peer" if peers else "best of the others"
    text += f" Less the {kind} with as many: {_and(listed)} points."
    if any(math.isnan(estimate.half) for estimate in gains.values()):
        return f"{text} Without a second draw there is no interval."
    ahead = sum(estimate.mean > estimate.half for estimate in gains.values())
    behind = sum(-estimate.mean > estimate.half for estimate in gains.values())
    counted = f"{ahead or 'none'} of {len(gains)} number{'' if len(gains) == 1 else 's'} of shots"
    return (
        f"{text} It is ahead by more than the draws alone can explain at {counted}, and behind at "
        f"{behind or 'none'} (95 %, on the same draws)."
    )


def _and(items: Sequence[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def _is_peer(name: str) -> bool:
    return without_suffixes(name) in {*PEERS, *POOL_PEERS, *META_PEERS, *TOWER_PEERS}
