"""Which of many stored tasks pictures, names or a support belong to.

docs/library.md tells what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import UsageError
from metaadapter.features import Fingerprint
from metaadapter.library.index import SignatureIndex

__all__ = ["TaskMeans", "task_means"]

# Of the cosines with the mean pictures; chosen on validation sets, as is the next.
SHARPNESS = 28.0
# Pictures of one task are alike, so that n of them tell as much as n to this power would.
POWER = 0.6
# Of pictures that are compared with all classes at a time, against the memory that takes.
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class TaskMeans:
    """The mean pictures of all classes of E entries of one encoder, about their common mean.

    Attributes:
        names: Of the entries, where they have any.
        means_MD: Unit rows: the mean picture of each class less the mean over all classes, which
            is what pictures of this encoder have in common.
        owners_M: The entry that each class is of, by its place in `names`.
        centre_D: That common mean.
    """

    names: tuple[str, ...]
    means_MD: Float[Tensor, "M D"]
    owners_M: Int[Tensor, " M"]
    centre_D: Float[Tensor, " D"]

    @classmethod
    def of(cls, means_END: Sequence[Float[Tensor, "_ D"]], names: Sequence[str] = ()) -> TaskMeans:
        """From the mean pictures of the classes of each entry, of any length but 0."""
        owners = [torch.full((len(means),), place) for place, means in enumerate(means_END)]
        return cls.of_rows(torch.cat([*means_END]), torch.cat(owners), names)

    @classmethod
    def of_rows(
        cls, means_MD: Float[Tensor, "M D"], owners_M: Int[Tensor, " M"], names: Sequence[str]
    ) -> TaskMeans:
        """From the mean pictures of all classes, each with the place of its entry."""
        unit_MD = normalize(means_MD, dim=-1)
        centre_D = unit_MD.mean(0)
        return cls(tuple(names), normalize(unit_MD - centre_D, dim=-1), owners_M, centre_D)

    def log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """The logarithm of Σ exp(28 ⟨x, μ_c⟩) over the classes c of each entry.

        x is a unit row less the common mean, scaled to length 1 again. So pictures of a class lie
        around its mean as a von Mises-Fisher distribution of the same concentration for all.
        """
        n_entries = int(self.owners_M.max()) + 1
        found = rows.new_full((len(rows), n_entries), -torch.inf)
        parts = zip(*(torch.split(each, ROWS_AT_ONCE) for each in (rows, found)), strict=True)
        for chunk, into in parts:
            logits_nM = SHARPNESS * (normalize(chunk - self.centre_D, dim=-1) @ self.means_MD.mT)
            owners_nM = self.owners_M.expand_as(logits_nM)
            most_nE = into.scatter_reduce(1, owners_nM, logits_nM, "amax")
            each_nM = (logits_nM - most_nE.gather(1, owners_nM)).exp()
            into.copy_(most_nE + torch.zeros_like(into).scatter_add(1, owners_nM, each_nM).log())
        return found

    def of_each(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """The probability that each row by itself belongs to each task, one of which it does."""
        return self.log_odds(rows).softmax(-1)

    def of_all(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, " E"]:
        """The probability that the rows, all of one task, belong to each of the tasks."""
        total_E: Tensor = self.log_odds(rows).log_softmax(-1).mean(0) * len(rows) ** POWER
        return total_E.softmax(-1)


def task_means(
    index: SignatureIndex, width: int, fingerprint: Fingerprint | None, *, texts: bool = False
) -> TaskMeans:
    """The mean pictures, or the texts, of all entries whose features are comparable.

    Args:
        index: The signatures of a library.
        width: Of the features that are asked about.
        fingerprint: The encoder of these features; entries of another one are left out, those that
            do not know theirs are not. `None` where it is not known: all of that width count.
        texts: Compare with texts in place of pictures.

    Raises:
        UsageError: There is no such entry.
    """
    stack = index.stacks.get(width)
    chosen = [
        number
        for number, entry in enumerate(index.entries)
        if entry.width == width
        and (fingerprint is None or entry.fingerprint in (None, fingerprint))
    ]
    rows_MD = torch.zeros(0, width) if stack is None else stack.text if texts else stack.means
    there_M = rows_MD.any(-1)
    if stack is not None:
        there_M &= torch.isin(stack.owners, torch.tensor(chosen, dtype=torch.long))
    if stack is None or not there_M.any():
        what = "a text" if texts else "a picture"
        others = sorted({entry.encoder or "?" for entry in index.entries if not entry.damaged})
        raise UsageError(
            f"the library has no entry of this encoder with {what}; its entries are of "
            f"{', '.join(others) or 'none'}: encode with the same encoder, or add an adapter"
        )
    # Entries of which nothing is there take no part.
    owners = stack.owners[there_M]
    numbers, places_M = torch.unique(owners, return_inverse=True)
    names = [index.entries[number].name for number in numbers.tolist()]
    return TaskMeans.of_rows(rows_MD[there_M].float(), places_M, names)
