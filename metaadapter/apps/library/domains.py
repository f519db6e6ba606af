"""Domains: entries of a library whose classes one adapter predicts together.

Comparing a picture with the mean pictures of classes is enough to tell domains apart, but within
one domain an adapter of all classes is better. docs/explanation/libraries.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

# Entries are of one domain if their centres differ by at most this many times the distance that
# random parts of one set of classes have. Chosen on validation sets.
MOST_FAR = 3.0
# The adapter of a domain is predicted from at most this many pictures, which takes some seconds.
MOST_PICTURES = 2048
# Scatters of unit rows below this are rounding errors.
ROUNDING = 1e-12
# Comparing all pairs of more entries takes longer than their answers.
MOST_ENTRIES = 1000


def domains(
    means_MD: Float[Tensor, "M D"],
    counts_M: Int[Tensor, " M"],
    owners_M: Int[Tensor, " M"],
    kinds_E: Sequence[object],
) -> list[list[int]]:
    """Group E entries into domains; each group is sorted, and so are the groups.

    The M classes have mean pictures of any norm but 0, their numbers of pictures, and the sorted
    indices of their entries. Only entries of equal kind are joined.

    The two nearest groups are joined until none are near. With n classes, the mean m of their unit
    means and their squared distances s from it, the distance of two groups is that of an F test:
    |m − m′|² / ((1/n + 1/n′) (s + s′) / (n + n′ − 2)). It is about 1 for two random parts of one
    set of classes, however many classes and pictures they have. Groups without a scatter, of one
    class each, are joined.
    """
    n_entries = len(kinds_E)
    if n_entries > MOST_ENTRIES:
        return [[number] for number in range(n_entries)]
    rows_MD = normalize(means_MD.double(), dim=-1)
    n_E = torch.bincount(owners_M, minlength=n_entries).double()
    sums_ED = rows_MD.new_zeros(n_entries, rows_MD.shape[1]).index_add(0, owners_M, rows_MD)
    centres_ED = sums_ED / n_E[:, None]
    products_EE = centres_ED @ centres_ED.T
    lengths_E = products_EE.diagonal()  # squared
    gaps_EE = (lengths_E[:, None] + lengths_E - 2 * products_EE).clamp(min=0)
    # Unit rows have the squared length 1.
    scatter_E = (n_E * (1 - lengths_E)).clamp(min=0)
    pictures_E = torch.zeros(n_entries, dtype=torch.long).index_add(0, owners_M, counts_M.long())
    number_of = {kind: number for number, kind in enumerate(dict.fromkeys(kinds_E))}
    kind_E = torch.tensor([number_of[kind] for kind in kinds_E])
    groups = {number: [number] for number in range(n_entries)}
    is_joined_E = torch.zeros(n_entries, dtype=torch.bool)

    def distances_E(one: int) -> Float[Tensor, " E"]:
        freedom_E = (n_E + n_E[one] - 2).clamp(min=1)
        expected_E = (1 / n_E + 1 / n_E[one]) * (scatter_E + scatter_E[one]) / freedom_E
        distance_E = torch.where(expected_E > ROUNDING, gaps_EE[one] / expected_E, 0.0)
        can_join_E = (kind_E == kind_E[one]) & (pictures_E + pictures_E[one] <= MOST_PICTURES)
        can_join_E &= ~is_joined_E
        can_join_E[one] = False
        return torch.where(can_join_E, distance_E, torch.inf)

    distances_EE = torch.stack([distances_E(number) for number in range(n_entries)])
    while True:
        place = int(distances_EE.argmin())
        one, other = sorted((place // n_entries, place % n_entries))
        if distances_EE[one, other] > MOST_FAR:
            return sorted(sorted(group) for group in groups.values())
        gap, total = gaps_EE[one, other].clone(), n_E[one] + n_E[other]
        share, rest = n_E[one] / total, n_E[other] / total
        scatter_E[one] += scatter_E[other] + share * n_E[other] * gap
        # The squared distances of the joint centre follow from those of the two.
        gap_E = share * gaps_EE[one] + rest * gaps_EE[other] - share * rest * gap
        gaps_EE[one] = gaps_EE[:, one] = gap_E.clamp(min=0)
        n_E[one], pictures_E[one] = total, pictures_E[one] + pictures_E[other]
        groups[one] += groups.pop(other)
        is_joined_E[other] = True
        distances_EE[other] = distances_EE[:, other] = torch.inf
        distances_EE[one] = distances_EE[:, one] = distances_E(one)
