"""The known head of an adapter whose labelled pictures are of few groups, such as series.

The thresholds of a known head come from left-out predictions. In a series each picture is predicted
from others that are nearly equal, so the thresholds would reject new pictures: at `keep=0.95`, 24
to 85 % of the frames of other scenes passed, and 80 to 99 % pass with a head from one picture of
each series (docs/figures.md#camera-traps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights


def first_of_groups(support: Support, groups: Sequence[str]) -> Support | None:
    """Return the support of one task with only the first picture of each group in a class.

    `groups` has the group of each labelled row, in the order in which `Support.of_rows` was given
    the rows; "" is no group. None if all pictures stay, or if the task has a pool, whose pictures
    set the thresholds.
    """
    mask_TNK = support.present_TNK.clone()
    seen: set[tuple[int, str]] = set()
    if not any(groups) or support.n_pool:
        return None
    places = support.present_TNK[0].nonzero().tolist()
    for (way, shot), row in zip(places, support.order, strict=True):
        key = way, groups[row]
        mask_TNK[0, way, shot] = not groups[row] or key not in seen
        seen.add(key)
    return None if mask_TNK.equal(support.present_TNK) else support.kept(mask_TNK)


def with_known_head(weights: AdapterWeights, other: AdapterWeights) -> AdapterWeights:
    """Return an adapter with the known head of another one, if both have one."""
    head = other.known_head
    if weights.known_head is None or head is None:
        return weights
    return replace(weights, **head._asdict())
