"""The probability that pictures belong to each of many tasks, from the mean pictures of classes.

docs/explanation/libraries.md has the measurements.
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
