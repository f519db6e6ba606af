"""Draws many few-shot tasks at once, as row numbers."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from episodes.class_draw import draw_classes
from episodes.distinct import draw_distinct
from episodes.errors import EpisodeError
from episodes.label_index import LabelIndex
from episodes.off_class import draw_off_class
from episodes.picture_counts import PictureCounts, divide_pictures
from episodes.rows import EpisodeRows
from episodes.spec import EpisodeSpec
from episodes.uniform import log_uniform, uniform

__all__ = ["EpisodeSampler"]

# T tasks, N ways, C classes, P picks. X: the domains, and after the last one all of them together.


@final
class EpisodeSampler:
    """Draws tasks from a table's labels. All randomness comes from the generator of each draw.

    Args:
        index: The pictures of each class.
        spec: Sizes of the tasks, narrowed to what the index can give.
        similarity_CC: Likeness of each two classes; needed for hard tasks.
        cross_domain_share: Fraction of the tasks with the support in one domain and the queries,
            with the twin support, in another. In all other tasks the domains are mixed.
        device: Where the row numbers are made.

    Raises:
        EpisodeError: The index cannot give such tasks, or a fraction is not within 0 to 1.
    """

    def __init__(
        self,
        index: LabelIndex,
        spec: EpisodeSpec,
        *,
        similarity_CC: Float[Tensor, "C C"] | None = None,
        cross_domain_share: float = 0.0,
        device: str | torch.device = "cpu",
    ) -> None:
        if not 0 <= cross_domain_share <= 1:
            raise EpisodeError(
                f"cross_domain_share must be within 0 to 1, got {cross_domain_share}"
            )
        if spec.hard_share and similarity_CC is None:
            raise EpisodeError("hard tasks need similarity_CC, the likeness of each two classes")
        self.spec = spec.feasible(index)
        self._cross_share = cross_domain_share
        self._pairs_P2 = _domain_pairs(index, self.spec.n_way[0]).to(device)
        if cross_domain_share and len(self._pairs_P2) == 0:
            raise EpisodeError(
                f"cross_domain_share is {cross_domain_share}, but no two of the domains (there "
                f"{'is' if index.n_domains == 1 else 'are'} {index.n_domains}) have "
                f"{self.spec.n_way[0]} classes in common; set it to 0 or give each row's domain"
            )
        self._index = index = index.to(device)
        # Class -1, which fills up, is the last column: it has no picture.
        self._starts_XC = pad(torch.cat([index.starts_CM, index.starts_CM[:, :1]], 1).T, (0, 1))
        self._counts_XC = pad(torch.cat([index.counts_CM, index.counts_C[:, None]], 1).T, (0, 1))
        usable_c = (index.counts_C >= 2).nonzero()[:, 0]
        self._n_usable, self._usable_c = len(usable_c), pad(usable_c, (0, 1), value=-1)
        self._similarity_CC = similarity_CC.to(device) if similarity_CC is not None else None

    def draw(
        self,
        n_tasks: int,
        generator: torch.Generator,
        *,
        twins: bool = False,
        off_class: bool = False,
    ) -> EpisodeRows:
        """Draw tasks.

        A class with too few pictures gives fewer shots; it gives fewer queries only where not one
        shot would be left, with twins not one for each. No picture comes twice in a task.

        Args:
            n_tasks: The number of tasks T.
            generator: The source of randomness; its state is all that a repetition needs.
            twins: Also draw a second support of the same classes and shot counts. A class of two
                pictures has none, nor has one with a single picture in the queries' domain.
            off_class: Also draw as many pictures of classes that are not in the task as a class
                has queries.

        Returns:
            Row numbers of the table that was indexed, on the sampler's device.
        """
        mixed = len(self._counts_XC) - 1
        domains_T2 = self._draw_domains(n_tasks, mixed, generator)
        is_mixed_T1 = domains_T2[:, :1] == mixed
        wanted_T1, n_way_T = self._draw_sizes(n_tasks, generator)
        classes_TN = self._draw_classes(domains_T2, is_mixed_T1, n_way_T, generator)
        counts = divide_pictures(
            self._unbalance(wanted_T1.expand_as(classes_TN), generator),
            self.spec.n_query,
            self._counts_XC[domains_T2[:, :1], classes_TN],
            self._counts_XC[domains_T2[:, 1:], classes_TN],
            is_mixed_T1,
            twins=twins,
        )
        support_TNK, twin_TNK, query_TNQ = self._draw_pictures(
            classes_TN, domains_T2, is_mixed_T1, counts, generator
        )
        return EpisodeRows(
            classes_TN=classes_TN,
            support_TNK=support_TNK,
            twin_TNK=twin_TNK,
            query_TNQ=query_TNQ,
            off_class_TO=self._draw_off_class(classes_TN, self.spec.n_query * off_class, generator),
        )

    def _draw_domains(
        self, n_tasks: int, mixed: int, generator: torch.Generator
    ) -> Int[Tensor, "T 2"]:
        """Two different domains in a fraction of the tasks; both are `mixed` in the others."""
        pairs_P2 = self._pairs_P2
        mixed_T2 = torch.full((n_tasks, 2), mixed, device=pairs_P2.device)
        if self._cross_share == 0:
            return mixed_T2
        draws_2T = uniform((2, n_tasks), generator, pairs_P2.device)
        crossed_T2 = pairs_P2[(draws_2T[0] * len(pairs_P2)).long()]
        return torch.where(draws_2T[1, :, None] < self._cross_share, crossed_T2, mixed_T2)

    def _draw_sizes(
        self, n_tasks: int, generator: torch.Generator
    ) -> tuple[Int[Tensor, "T 1"], Int[Tensor, " T"]]:
        n_draws = 1 if self.spec.alike else n_tasks
        draws_2T = uniform((2, n_draws), generator, self._index.rows_n.device).expand(2, n_tasks)
        wanted_T = log_uniform(self.spec.n_shot, draws_2T[0])
        return wanted_T[:, None], log_uniform(self.spec.n_way, draws_2T[1])

    def _draw_classes(
        self,
        domains_T2: Int[Tensor, "T 2"],
        is_mixed_T1: Bool[Tensor, "T 1"],
        n_way_T: Int[Tensor, " T"],
        generator: torch.Generator,
    ) -> Int[Tensor, "T N"]:
        if not (self._cross_share or self.spec.hard_share):
            n_usable_T = torch.full_like(n_way_T, self._n_usable)
            return self._usable_c[draw_distinct(n_usable_T, n_way_T, generator)]
        counts_T2C = self._counts_XC[domains_T2, :-1]
        enough_TC = (counts_T2C >= 1 + is_mixed_T1.long()[..., None]).all(1)
        if not self.spec.hard_share:
            return draw_classes(enough_TC, n_way_T, generator)
        is_hard_T = uniform((len(n_way_T),), generator, n_way_T.device) < self.spec.hard_share
        return draw_classes(
            enough_TC, n_way_T, generator, similarity_CC=self._similarity_CC, is_hard_T=is_hard_T
        )

    def _unbalance(
        self, wanted_TN: Int[Tensor, "T N"], generator: torch.Generator
    ) -> Int[Tensor, "T N"]:
        if not self.spec.imbalance:
            return wanted_TN
        draws_TN = uniform(tuple(wanted_TN.shape), generator, wanted_TN.device)
        exponents_TN = self.spec.imbalance * (2 * draws_TN - 1)
        return (wanted_TN * exponents_TN.exp()).round().long().clamp(min=1)

    def _draw_pictures(
        self,
        classes_TN: Int[Tensor, "T N"],
        domains_T2: Int[Tensor, "T 2"],
        is_mixed_T1: Bool[Tensor, "T 1"],
        counts: PictureCounts,
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "T N K"], Int[Tensor, "T N K2"], Int[Tensor, "T N Q"]]:
        n_support_TN, n_rest_TN = counts.support_TN, counts.twin_TN + counts.query_TN
        n_first_TN = n_support_TN + n_rest_TN * is_mixed_T1
        rows_TNP = self._draw_rows(classes_TN, domains_T2[:, :1], n_first_TN, generator)
        rest_from_TN = n_support_TN
        if self._cross_share:
            n_second_TN = n_rest_TN * ~is_mixed_T1
            second_TNP = self._draw_rows(classes_TN, domains_T2[:, 1:], n_second_TN, generator)
            rest_from_TN = torch.where(is_mixed_T1, n_support_TN, rows_TNP.shape[2])
            rows_TNP = torch.cat([rows_TNP, second_TNP], 2)
        return (
            _slice(rows_TNP, torch.zeros_like(n_support_TN), n_support_TN),
            _slice(rows_TNP, rest_from_TN, counts.twin_TN),
            _slice(rows_TNP, rest_from_TN + counts.twin_TN, counts.query_TN),
        )

    def _draw_rows(
        self,
        classes_TN: Int[Tensor, "T N"],
        domain_T1: Int[Tensor, "T 1"],
        n_picks_TN: Int[Tensor, "T N"],
        generator: torch.Generator,
    ) -> Int[Tensor, "T N P"]:
        picks_TNP = draw_distinct(self._counts_XC[domain_T1, classes_TN], n_picks_TN, generator)
        starts_TN1 = self._starts_XC[domain_T1, classes_TN][..., None]
        return self._index.rows_at((picks_TNP + starts_TN1).masked_fill_(picks_TNP < 0, -1))

    def _draw_off_class(
        self, classes_TN: Int[Tensor, "T N"], n_pictures: int, generator: torch.Generator
    ) -> Int[Tensor, "T O"]:
        if n_pictures == 0:
            return classes_TN[:, :0]
        starts_C, counts_C = self._starts_XC[-1, :-1], self._counts_XC[-1, :-1]
        places_TO = draw_off_class(classes_TN, starts_C, counts_C, n_pictures, generator)
        return self._index.rows_at(places_TO)


def _slice(
    rows_TNP: Int[Tensor, "T N P"], start_TN: Int[Tensor, "T N"], length_TN: Int[Tensor, "T N"]
) -> Int[Tensor, "T N L"]:
    """Take `length_TN` rows from `start_TN` on, −1 filling up."""
    start, length = int(start_TN.max()), int(length_TN.max())
    if length == int(length_TN.min()) and start == int(start_TN.min()):
        return rows_TNP[..., start : start + length]
    steps_L = torch.arange(length, device=rows_TNP.device)
    places_TNL = (start_TN[..., None] + steps_L).clamp(max=max(rows_TNP.shape[2] - 1, 0))
    return rows_TNP.gather(2, places_TNL).masked_fill(steps_L >= length_TN[..., None], -1)


def _domain_pairs(index: LabelIndex, n_way: int) -> Int[Tensor, "P 2"]:
    """Ordered pairs of different domains with at least `n_way` classes in common."""
    is_there_CM = (index.counts_CM > 0).float()
    common_MM = (is_there_CM.T @ is_there_CM).fill_diagonal_(0)
    return (common_MM >= n_way).nonzero()
