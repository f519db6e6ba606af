"""Which of many stored tasks pictures, names or a support belong to.

docs/explanation/libraries.md tells what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.apps.library.index import SignatureIndex, SignatureStack
from metaadapter.apps.library.screen import Screen
from metaadapter.errors import UsageError
from metaadapter.features.fingerprint import Fingerprint

# Of the cosines with the mean pictures; chosen on validation sets, as are the next three.
SHARPNESS = 28.0
# What a class's text, and the mean of its task, say of where its pictures lie, in pictures.
TEXT_COUNTS, TASK_COUNTS = 0.8, 0.5
# Pictures of one task are alike, so that n of them tell as much as n to this power would.
POWER = 0.6
# Of pictures that are compared with all classes at a time, against the memory that takes.
ROWS_AT_ONCE = 512
# Of more classes only those are compared exactly whose entry comes near to the best one: within
# this, in nats, by cosines in few directions.
MOST_COMPARED, NEAR = 500, 8.0
# Above this fraction of classes it takes less time to compare with all of them.
MOST_NEAR = 0.25


@dataclass(frozen=True, slots=True)
class TaskMeans:
    """The mean pictures of all classes of E entries of one encoder, about their common mean.

    Attributes:
        names: Of the entries, where they have any.
        means_MD: Unit rows: where the pictures of each class are expected, less the mean over all
            classes, which is what pictures of this encoder have in common.
        owners_M: The entry that each class is of, by its place in `names`; ascending.
        centre_D: That common mean.
        screen: What tells entries that come near, where there are many classes.
    """

    names: tuple[str, ...]
    means_MD: Float[Tensor, "M D"]
    owners_M: Int[Tensor, " M"]
    centre_D: Float[Tensor, " D"]
    screen: Screen | None = None

    @classmethod
    def of(
        cls,
        means_END: Sequence[Float[Tensor, "_ D"]],
        names: Sequence[str] = (),
        *,
        text_END: Sequence[Float[Tensor, "_ D"]] = (),
        counts_EN: Sequence[Int[Tensor, " _"]] = (),
    ) -> TaskMeans:
        """From the mean pictures of the classes of each entry, as `of_rows` does."""
        owners = [torch.full((len(means),), place) for place, means in enumerate(means_END)]
        return cls.of_rows(
            torch.cat([*means_END]),
            torch.cat(owners),
            names,
            text_MD=torch.cat([*text_END]) if text_END else None,
            counts_M=torch.cat([*counts_EN]) if counts_EN else None,
        )

    @classmethod
    def of_rows(
        cls,
        means_MD: Float[Tensor, "M D"],
        owners_M: Int[Tensor, " M"],
        names: Sequence[str],
        *,
        text_MD: Float[Tensor, "M D"] | None = None,
        counts_M: Int[Tensor, " M"] | None = None,
    ) -> TaskMeans:
        """From the mean pictures of all classes, each with the place of its entry.

        Args:
            means_MD: Of any length but 0.
            owners_M: Ascending.
            names: Of the entries.
            text_MD: The text of each class, zeros where it has none.
            counts_M: The pictures that each mean is of. The fewer they are, the more the text and
                the mean of the task count beside them. By default the means are taken as they are.
        """
        unit_MD = normalize(means_MD, dim=-1)
        centre_D = unit_MD.mean(0)
        own_MD = normalize(unit_MD - centre_D, dim=-1)
        if counts_M is not None:
            sums_ED = own_MD.new_zeros(int(owners_M[-1]) + 1, own_MD.shape[1])
            task_ED = normalize(sums_ED.index_add(0, owners_M, own_MD), dim=-1)
            beside_MD = TASK_COUNTS * task_ED[owners_M]
            if text_MD is not None:
                beside_MD = beside_MD + TEXT_COUNTS * _about_their_mean(text_MD)
            own_MD = normalize(own_MD + beside_MD / counts_M[:, None], dim=-1)
        screen = Screen.of(own_MD) if len(own_MD) > MOST_COMPARED else None
        return cls(tuple(names), own_MD, owners_M, centre_D, screen)

    def log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """The logarithm of Σ exp(28 ⟨x, μ_c⟩) over the classes c of each entry.

        x is a unit row less the common mean, scaled to length 1 again. So pictures of a class lie
        around its mean as a von Mises-Fisher distribution of the same concentration for all.

        Of more than 500 classes those of entries alone that come near are compared exactly, the
        others in few directions, by which they are e⁸ times less likely than the best one.
        """
        parts = [self._of_some(chunk) for chunk in torch.split(rows, ROWS_AT_ONCE)]
        return torch.cat(parts)

    def _of_some(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        # The small factor of each product has the sharpness, for the products are large.
        own_nD = SHARPNESS * normalize(rows - self.centre_D, dim=-1)
        if self.screen is None:
            return self._log_sums(self.means_MD @ own_nD.mT, self.owners_M)
        about_nE = self._log_sums(self.screen.products(own_nD), self.owners_M)
        best_n1 = about_nE.argmax(-1, keepdim=True)
        far_nE = about_nE - about_nE.gather(-1, best_n1)
        is_near_nE = far_nE > -NEAR
        is_compared_M = is_near_nE.any(0)[self.owners_M]
        some = slice(None) if is_compared_M.double().mean() > MOST_NEAR else is_compared_M
        exact_nE = self._log_sums(self.means_MD[some] @ own_nD.mT, self.owners_M[some])
        # Each picture is answered by itself: what another one needed plays no part.
        return torch.where(is_near_nE, exact_nE, far_nE + exact_nE.gather(-1, best_n1))

    def _log_sums(
        self, logits_mn: Float[Tensor, "m n"], owners_m: Int[Tensor, " m"]
    ) -> Float[Tensor, "n E"]:
        """Log Σ exp over the classes of each entry; overwrites the logits.

        They are within ±28, so that single precision neither overflows nor vanishes.
        """
        odds_En = logits_mn.new_zeros(int(self.owners_M[-1]) + 1, logits_mn.shape[1])
        return odds_En.index_add_(0, owners_m, logits_mn.exp_()).log_().mT

    def of_each(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """The probability that each row by itself belongs to each task, one of which it does."""
        return self.log_odds(rows).softmax(-1)

    def of_all(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, " E"]:
        """The probability that the rows, all of one task, belong to each of the tasks."""
        total_E: Tensor = self.log_odds(rows).log_softmax(-1).mean(0) * len(rows) ** POWER
        return total_E.softmax(-1)


def _about_their_mean(text_MD: Float[Tensor, "M D"]) -> Float[Tensor, "M D"]:
    """Unit rows of texts less the mean of all; a class without a text keeps its zeros."""
    unit_MD, is_text_M1 = normalize(text_MD, dim=-1), text_MD.any(-1, keepdim=True)
    mean_D = unit_MD.sum(0) / is_text_M1.sum().clamp(min=1)
    return normalize(torch.where(is_text_M1, unit_MD - mean_D, 0.0), dim=-1)


def comparable(
    index: SignatureIndex,
    width: int,
    fingerprint: Fingerprint | None,
    *,
    texts: bool = False,
    unusable: Mapping[str, str] = MappingProxyType({}),
) -> tuple[TaskMeans, dict[str, str]]:
    """The mean pictures, or the texts, of all entries that features can be compared with.

    Args:
        index: The signatures of a library.
        width: Of the features that are asked about.
        fingerprint: The encoder of these features; entries of another one are left out, those that
            do not know theirs are not. `None` where it is not known: all of that width count.
        texts: Compare with texts in place of pictures.
        unusable: Name → why an entry is to be left out anyway.

    Returns:
        Them, and name → reason of the entries that are left out.

    Raises:
        UsageError: All are.
    """
    stack = index.stacks.get(width) or SignatureStack.empty(width)
    rows_MD, owners_M = stack.text if texts else stack.means, stack.owners
    there_M = rows_MD.any(-1)
    has_some = set(owners_M[there_M].tolist())
    matches = {entry.fingerprint: True for entry in index.entries}
    if fingerprint is not None:
        matches = {own: own is None or own.matches(fingerprint) for own in matches}
    left_out = dict[str, str]()
    for number, entry in enumerate(index.entries):
        if reason := unusable.get(entry.name, entry.damaged):
            left_out[entry.name] = reason
        elif entry.width != width or not matches[entry.fingerprint]:
            encoder = entry.encoder or "which it does not name"
            left_out[entry.name] = f"it is of another encoder, {encoder}: {entry.width} wide"
        elif number not in has_some:
            left_out[entry.name] = f"it was made without any {'name' if texts else 'picture'}"
    chosen = [number for number, entry in enumerate(index.entries) if entry.name not in left_out]
    if not chosen:
        told = "".join(f"\n  {name}: {reason}" for name, reason in [*left_out.items()][:5])
        raise UsageError(
            f"no entry of the library can be compared with these features, {width} wide; encode "
            f"with the encoder of its entries, or add an adapter{told}"
        )
    there_M &= torch.isin(owners_M, torch.tensor(chosen))
    numbers, places_M = torch.unique(owners_M[there_M], return_inverse=True)
    names = [index.entries[number].name for number in numbers.tolist()]
    means = TaskMeans.of_rows(
        rows_MD[there_M].float(),
        places_M,
        names,
        text_MD=None if texts else stack.text[there_M].float(),
        counts_M=None if texts else stack.counts[there_M],
    )
    return means, left_out
