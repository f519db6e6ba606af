"""The probability that pictures, or class names, belong to each of many stored tasks.

Routing to one entry compares a picture with the mean pictures of classes. That is enough to tell
domains apart, but within one domain an adapter of all classes is better. So entries of one domain
are found here too. docs/explanation/libraries.md reports the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

# The factor of the cosines with mean pictures; chosen on validation sets, like the next three.
SHARPNESS = 28.0
# The text of a class, and the mean of its task, each count as this number of pictures.
TEXT_COUNTS, TASK_COUNTS = 0.8, 0.5
# Pictures of one task are similar, so n pictures count as n to this power.
POWER = 0.6
# The number of pictures that are compared with all classes at a time, to limit the memory.
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class TaskMeans:
    """The centred mean pictures of all M classes in E entries that share an encoder.

    `means_MD` are unit rows: the expected picture of each class, minus the mean over all classes,
    `centre_D`, which all pictures of this encoder share.
    """

    names: tuple[str, ...]
    means_MD: Float[Tensor, "M D"]
    owners_M: Int[Tensor, " M"]
    centre_D: Float[Tensor, " D"]

    @classmethod
    def of(
        cls,
        means_END: Sequence[Float[Tensor, "_ D"]],
        names: Sequence[str] = (),
        *,
        text_END: Sequence[Float[Tensor, "_ D"]] = (),
        counts_EN: Sequence[Int[Tensor, " _"]] = (),
    ) -> TaskMeans:
        """Build from the mean pictures of the classes of each entry, of any norm but 0.

        The fewer pictures a mean has, the more weight the text (zeros if there is none) and the
        mean of the task get; without counts the means are not changed.
        """
        owners_M = torch.arange(len(means_END)).repeat_interleave(
            torch.tensor([len(means) for means in means_END])
        )
        unit_MD = normalize(torch.cat([*means_END]), dim=-1)
        centre_D = unit_MD.mean(0)
        centred_MD = normalize(unit_MD - centre_D, dim=-1)
        if counts_EN:
            sums_ED = centred_MD.new_zeros(len(means_END), centred_MD.shape[1])
            task_ED = normalize(sums_ED.index_add(0, owners_M, centred_MD), dim=-1)
            prior_MD = TASK_COUNTS * task_ED[owners_M]
            if text_END:
                prior_MD = prior_MD + TEXT_COUNTS * _centred_texts(torch.cat([*text_END]))
            centred_MD = normalize(centred_MD + prior_MD / torch.cat([*counts_EN])[:, None], dim=-1)
        return cls(tuple(names), centred_MD, owners_M, centre_D)

    def log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """Return, for each entry, the logarithm of Σ exp(28 ⟨x, μ_c⟩) over its classes c.

        x is a unit row minus the common mean, scaled to length 1. This models the pictures of class
        c as a von Mises-Fisher distribution around μ_c, with one concentration for all classes.
        """
        return torch.cat([self._log_odds(part) for part in torch.split(rows, ROWS_AT_ONCE)])

    def _log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        # Scale this factor of the products, because it is smaller than the products.
        centred_nD = SHARPNESS * normalize(rows - self.centre_D, dim=-1)
        odds_En = rows.new_zeros(int(self.owners_M[-1]) + 1, len(rows))
        # Within ±28, float32 neither overflows nor underflows; the memory of the logits is reused.
        logits_Mn = self.means_MD @ centred_nD.mT
        return odds_En.index_add_(0, self.owners_M, logits_Mn.exp_()).log_().mT

    def per_row(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """Return the probability of each task for each row, if the row belongs to one of them."""
        return self.log_odds(rows).softmax(-1)

    def jointly(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, " E"]:
        """Return the probability of each task for all rows, if all belong to the same task."""
        total_E: Tensor = self.log_odds(rows).log_softmax(-1).mean(0) * len(rows) ** POWER
        return total_E.softmax(-1)


def _centred_texts(text_MD: Float[Tensor, "M D"]) -> Float[Tensor, "M D"]:
    """Centre unit rows of texts on their mean; a class without a text keeps its zeros."""
    unit_MD, is_text_M1 = normalize(text_MD, dim=-1), text_MD.any(-1, keepdim=True)
    mean_D = unit_MD.sum(0) / is_text_M1.sum().clamp(min=1)
    return normalize(torch.where(is_text_M1, unit_MD - mean_D, 0.0), dim=-1)


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
