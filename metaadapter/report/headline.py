"""The result of an evaluation in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metaadapter.baselines import META_PEERS, PEERS
from metaadapter.report.evaluation_result import PartFound
from metaadapter.report.words import part_told, signed

__all__ = ["headline"]


def headline(part: PartFound, place: str, reference: str) -> str:
    """What the reference reaches at each number of shots, and beside the strongest peer there.

    Without a peer, beside the best of the others.
    """
    accuracy, gain = part.accuracy[place], part.gain[place]
    own = accuracy.get(reference, {})
    if not own:
        return f"No figure of {reference} could be scored."
    shots = sorted(own)
    told = (
        f"With {_listed(shots)} labelled picture{'' if shots == [1] else 's'} a class, {reference} "
        f"is correct on {_listed([f'{100 * own[n].mean:.1f}' for n in shots])} % of the pictures "
        f"it has not seen{part_told(part.part)}."
    )
    peers = [name for name in accuracy if name in (*PEERS, *META_PEERS) and name != reference]
    others = peers or [name for name in accuracy if name != reference]
    best = {
        n: max(there, key=lambda name, n=n: accuracy[name][n].mean)  # type: ignore[misc]
        for n in shots
        if (there := [name for name in others if n in accuracy[name]])
    }
    if not best:
        return told
    gains = {n: gain[name][n] for n, name in best.items()}
    each = [
        f"{signed(gains[n])} ({n} shot{'' if n == 1 else 's'}, {name})" for n, name in best.items()
    ]
    kind = "strongest peer" if peers else "best of the others"
    told += f" Less the {kind} with as many: {_listed(each)} points."
    if any(math.isnan(estimate.half) for estimate in gains.values()):
        return f"{told} Without a second draw there is no interval."
    ahead = sum(estimate.mean > estimate.half for estimate in gains.values())
    behind = sum(-estimate.mean > estimate.half for estimate in gains.values())
    counted = f"{ahead or 'none'} of {len(gains)} number{'' if len(gains) == 1 else 's'} of shots"
    return (
        f"{told} It is ahead by more than the draws alone can make at {counted}, and behind at "
        f"{behind or 'none'} (95 %, on the same draws)."
    )


def _listed(words: Sequence[object]) -> str:
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last
