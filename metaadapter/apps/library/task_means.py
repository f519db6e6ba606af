"""The probability that pictures, or class names, belong to each of many stored tasks.

docs/explanation/libraries.md reports the measurements.
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
from metaadapter.errors import UsageError
from metaadapter.features.fingerprint import Fingerprint

# The directions of a `Screen`, and the seed of their first approximation.
N_DIRECTIONS, SEED = 64, 0
# The factor of the cosines with mean pictures; chosen on validation sets, like the next three.
SHARPNESS = 28.0
# The text of a class, and the mean of its task, each count as this number of pictures.
TEXT_COUNTS, TASK_COUNTS = 0.8, 0.5
# Pictures of one task are similar, so n pictures count as n to this power.
POWER = 0.6
# The number of pictures that are compared with all classes at a time, to limit the memory.
ROWS_AT_ONCE = 512
# With more than `MOST_COMPARED` classes, only entries within `NEAR` nats of the best one, by their
# cosines in a few directions, are compared exactly.
MOST_COMPARED, NEAR = 500, 8.0
# Above this fraction of classes, comparing all of them takes less time.
MOST_NEAR = 0.25


@dataclass(frozen=True, slots=True)
class Screen:
    """M unit rows projected on the S directions in which they differ most, to save 98 % of work."""

    directions_DS: Float[Tensor, "D S"]
    sketches_MS: Float[Tensor, "M S"]
    """The projection of each row, scaled to length 1."""

    @classmethod
    def of(cls, rows_MD: Float[Tensor, "M D"]) -> Screen:
        """Find the directions by one step of subspace iteration from random directions."""
        draw = torch.Generator().manual_seed(SEED)
        start_DS = torch.randn(rows_MD.shape[1], N_DIRECTIONS, generator=draw).to(rows_MD)
        directions_DS, _ = torch.linalg.qr(rows_MD.mT @ (rows_MD @ start_DS))
        return cls(directions_DS, normalize(rows_MD @ directions_DS, dim=-1))

    def products(self, rows_nD: Float[Tensor, "n D"]) -> Float[Tensor, "M n"]:
        """Approximate the products of the M rows with these n rows, which may have any norm."""
        lengths_n1 = rows_nD.norm(dim=-1, keepdim=True)
        sketches_nS = lengths_n1 * normalize(rows_nD @ self.directions_DS, dim=-1)
        return torch.matmul(self.sketches_MS, sketches_nS.mT)


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
        """Build from the mean pictures of each entry; see `of_rows`."""
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
        """Build from the mean pictures of all classes, of any norm but 0; `owners_M` is sorted.

        The fewer pictures a mean has, the more weight the text (zeros if there is none) and the
        mean of the task get; without `counts_M` the means are not changed.
        """
        unit_MD = normalize(means_MD, dim=-1)
        centre_D = unit_MD.mean(0)
        centred_MD = normalize(unit_MD - centre_D, dim=-1)
        if counts_M is not None:
            sums_ED = centred_MD.new_zeros(int(owners_M[-1]) + 1, centred_MD.shape[1])
            task_ED = normalize(sums_ED.index_add(0, owners_M, centred_MD), dim=-1)
            prior_MD = TASK_COUNTS * task_ED[owners_M]
            if text_MD is not None:
                prior_MD = prior_MD + TEXT_COUNTS * _centred_texts(text_MD)
            centred_MD = normalize(centred_MD + prior_MD / counts_M[:, None], dim=-1)
        screen = Screen.of(centred_MD) if len(centred_MD) > MOST_COMPARED else None
        return cls(tuple(names), centred_MD, owners_M, centre_D, screen)

    def log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        """Return, for each entry, the logarithm of Σ exp(28 ⟨x, μ_c⟩) over its classes c.

        x is a unit row minus the common mean, scaled to length 1. This models the pictures of class
        c as a von Mises-Fisher distribution around μ_c, with one concentration for all classes.

        With more than 500 classes, only entries close to the best one are compared exactly; the
        others are compared in a few directions, in which they are e⁸ times less probable.
        """
        parts = [self._log_odds(chunk) for chunk in torch.split(rows, ROWS_AT_ONCE)]
        return torch.cat(parts)

    def _log_odds(self, rows: Float[Tensor, "n D"]) -> Float[Tensor, "n E"]:
        # Scale this factor of the products, because it is smaller than the products.
        centred_nD = SHARPNESS * normalize(rows - self.centre_D, dim=-1)
        if self.screen is None:
            return self._log_sums(self.means_MD @ centred_nD.mT, self.owners_M)
        rough_nE = self._log_sums(self.screen.products(centred_nD), self.owners_M)
        best_n1 = rough_nE.argmax(-1, keepdim=True)
        gap_nE = rough_nE - rough_nE.gather(-1, best_n1)
        is_near_nE = gap_nE > -NEAR
        is_compared_M = is_near_nE.any(0)[self.owners_M]
        some = slice(None) if is_compared_M.double().mean() > MOST_NEAR else is_compared_M
        exact_nE = self._log_sums(self.means_MD[some] @ centred_nD.mT, self.owners_M[some])
        # The result of a picture must not depend on other pictures, which may need more entries.
        return torch.where(is_near_nE, exact_nE, gap_nE + exact_nE.gather(-1, best_n1))

    def _log_sums(
        self, logits_mn: Float[Tensor, "m n"], owners_m: Int[Tensor, " m"]
    ) -> Float[Tensor, "n E"]:
        """Sum in the logits' memory; within ±28, float32 neither overflows nor underflows."""
        odds_En = logits_mn.new_zeros(int(self.owners_M[-1]) + 1, logits_mn.shape[1])
        return odds_En.index_add_(0, owners_m, logits_mn.exp_()).log_().mT

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


def comparable_means(
    index: SignatureIndex,
    width: int,
    fingerprint: Fingerprint | None,
    *,
    texts: bool = False,
    unusable: Mapping[str, str] = MappingProxyType({}),
) -> tuple[TaskMeans, dict[str, str]]:
    """Return the means (or texts) of comparable entries, and name → reason for those left out.

    Entries that do not record their encoder are compared; without a `fingerprint`, only the width
    decides.
    """
    stack = index.stacks.get(width) or SignatureStack.empty(width)
    rows_MD, owners_M = stack.text if texts else stack.means, stack.owners
    has_row_M = rows_MD.any(-1)
    with_rows = set(owners_M[has_row_M].tolist())
    matches = {
        recorded: recorded is None or fingerprint is None or recorded.matches(fingerprint)
        for recorded in {entry.fingerprint for entry in index.entries}
    }
    left_out = dict[str, str]()
    for number, entry in enumerate(index.entries):
        if reason := unusable.get(entry.name, entry.damaged):
            left_out[entry.name] = reason
        elif entry.width != width or not matches[entry.fingerprint]:
            encoder = entry.encoder or "without a name"
            left_out[entry.name] = f"it has another encoder, {encoder}, {entry.width} wide"
        elif number not in with_rows:
            left_out[entry.name] = f"it has no {'names' if texts else 'pictures'}"
    chosen = [number for number, entry in enumerate(index.entries) if entry.name not in left_out]
    if not chosen:
        lines = "".join(f"\n  {name}: {reason}" for name, reason in [*left_out.items()][:5])
        raise UsageError(
            f"no entry of the library can be compared with these features, {width} wide; encode "
            f"with the encoder of its entries, or add an adapter{lines}"
        )
    has_row_M &= torch.isin(owners_M, torch.tensor(chosen))
    numbers, places_M = torch.unique(owners_M[has_row_M], return_inverse=True)
    names = [index.entries[number].name for number in numbers.tolist()]
    means = TaskMeans.of_rows(
        rows_MD[has_row_M].float(),
        places_M,
        names,
        text_MD=None if texts else stack.text[has_row_M].float(),
        counts_M=None if texts else stack.counts[has_row_M],
    )
    return means, left_out
