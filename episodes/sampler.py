"""A sampler that draws many few-shot tasks at once, as row numbers."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from episodes.draws import draw_classes, draw_distinct, draw_off_class, log_uniform, uniform
from episodes.errors import EpisodeError, require_fraction
from episodes.label_index import LabelIndex
from episodes.pools import draw_pools
from episodes.spec import EpisodeSpec
from episodes.tasks import EpisodeRows

# T tasks, N ways, C classes, P picks. X: the domains, followed by all domains together.

PictureCounts = tuple[Int[Tensor, "T N"], Int[Tensor, "T N"], Int[Tensor, "T N"]]
"""Pictures of each class for support, twin support and queries; 0 for a missing class."""


@final
class EpisodeSampler:
    """Draws tasks from the labels of a table; all randomness comes from the generator of `draw`.

    Args:
        index: The pictures of each class.
        spec: The sizes of the tasks; the sampler narrows them to what the index has.
        similarity_CC: The similarity of each pair of classes; needed for hard tasks.
        cross_domain_share: The fraction of the tasks with the support in one domain and the queries
            and twin support in another. In all other tasks the domains are mixed.

    Raises:
        EpisodeError: The index has too few pictures, or a fraction is outside 0 to 1.
    """

    def __init__(
        self,
        index: LabelIndex,
        spec: EpisodeSpec,
        *,
        similarity_CC: Float[Tensor, "C C"] | None = None,
        cross_domain_share: float = 0.0,
    ) -> None:
        require_fraction("cross_domain_share", cross_domain_share)
        if spec.hard_share and similarity_CC is None:
            raise EpisodeError("hard_share above 0 needs similarity_CC, how alike classes are")
        self.spec = spec.feasible(index)
        self._cross_share = cross_domain_share
        has_rows_CM = (index.counts_CM > 0).float()
        common_MM = (has_rows_CM.T @ has_rows_CM).fill_diagonal_(0)
        self._pairs_P2 = (common_MM >= self.spec.n_way[0]).nonzero()
        if cross_domain_share and len(self._pairs_P2) == 0:
            raise EpisodeError(
                f"cross_domain_share is {cross_domain_share}, but no two of the domains (there "
                f"{'is' if index.n_domains == 1 else 'are'} {index.n_domains}) have "
                f"{self.spec.n_way[0]} classes in common; set it to 0 or give each row's domain"
            )
        self._index = index
        # Padding has the class −1, which selects the last column, where there is no picture.
        self._starts_XC = pad(torch.cat([index.starts_CM, index.starts_CM[:, :1]], 1).T, (0, 1))
        self._counts_XC = pad(torch.cat([index.counts_CM, index.counts_C[:, None]], 1).T, (0, 1))
        self._usable_c = pad((index.counts_C >= 2).nonzero()[:, 0], (0, 1), value=-1)
        self._similarity_CC = similarity_CC

    def draw(
        self,
        n_tasks: int,
        generator: torch.Generator,
        *,
        twins: bool = False,
        off_class: bool = False,
        pools: bool = False,
    ) -> EpisodeRows:
        """Draw tasks.

        A class with too few pictures has fewer shots. It has fewer queries only if otherwise the
        support or its twin would have no shot. All pictures of a task differ.

        Args:
            n_tasks: The number of tasks T.
            generator: The source of randomness; the same state gives the same tasks.
            twins: Also draw a second support of the same classes and shot counts. A class with two
                pictures, or with only one in the domain of the queries, has no twin.
            off_class: Also draw pictures of other classes, as many as a class has queries.
            pools: Also draw pools of unlabelled pictures; except strangers, these come from the
                domain of the queries.

        Returns:
            Row numbers of the table that was indexed.
        """
        spec, device = self.spec, self._usable_c.device
        domains_T2 = self._draw_domains(n_tasks, generator)
        is_mixed_T1 = domains_T2[:, :1] == len(self._counts_XC) - 1
        n_sizes = 1 if spec.alike else n_tasks
        sizes_2T = uniform((2, n_sizes), generator, device).expand(2, n_tasks)
        n_way_T = log_uniform(spec.n_way, sizes_2T[1])
        n_shot_T = log_uniform(spec.n_shot, sizes_2T[0])
        classes_TN = self._draw_classes(domains_T2, is_mixed_T1, n_way_T, generator)
        wanted_TN = n_shot_T[:, None].expand_as(classes_TN)
        if spec.imbalance:
            exponents_TN = spec.imbalance * (2 * uniform(classes_TN.shape, generator, device) - 1)
            wanted_TN = (wanted_TN * exponents_TN.exp()).round().long().clamp(min=1)
        counts = divide_pictures(
            wanted_TN,
            spec.n_query,
            self._counts_XC[domains_T2[:, :1], classes_TN],
            self._counts_XC[domains_T2[:, 1:], classes_TN],
            is_mixed_T1,
            twins=twins,
        )
        support_TNK, twin_TNK, query_TNQ = self._draw_pictures(
            classes_TN, domains_T2, is_mixed_T1, counts, generator
        )
        off_class_TO = classes_TN[:, :0]
        if off_class:
            counts_C = self._counts_XC[-1, :-1]
            positions_TO = draw_off_class(classes_TN, counts_C, spec.n_query, generator)
            off_class_TO = self._index.rows_at(positions_TO)
        pool_TU = classes_TN[:, :0]
        if pools:
            cells = domains_T2[:, 1:], classes_TN
            pool_TU = draw_pools(
                self._index,
                self._starts_XC[cells],
                self._counts_XC[cells],
                classes_TN,
                support_TNK,
                (twin_TNK, query_TNQ, off_class_TO),
                generator,
            )
        return EpisodeRows(classes_TN, support_TNK, twin_TNK, query_TNQ, off_class_TO, pool_TU)

    def _draw_domains(self, n_tasks: int, generator: torch.Generator) -> Int[Tensor, "T 2"]:
        """Draw two different domains for a fraction of the tasks; other tasks mix all domains."""
        pairs_P2 = self._pairs_P2
        mixed_T2 = torch.full((n_tasks, 2), len(self._counts_XC) - 1, device=pairs_P2.device)
        if not self._cross_share:
            return mixed_T2
        draws_2T = uniform((2, n_tasks), generator, pairs_P2.device)
        crossed_T2 = pairs_P2[(draws_2T[0] * len(pairs_P2)).long()]
        return torch.where(draws_2T[1, :, None] < self._cross_share, crossed_T2, mixed_T2)

    def _draw_classes(
        self,
        domains_T2: Int[Tensor, "T 2"],
        is_mixed_T1: Bool[Tensor, "T 1"],
        n_way_T: Int[Tensor, " T"],
        generator: torch.Generator,
    ) -> Int[Tensor, "T N"]:
        hard_share = self.spec.hard_share
        if not (self._cross_share or hard_share):
            n_usable_T = torch.full_like(n_way_T, len(self._usable_c) - 1)
            return self._usable_c[draw_distinct(n_usable_T, n_way_T, generator)]
        counts_T2C = self._counts_XC[domains_T2, :-1]
        enough_TC = (counts_T2C >= 1 + is_mixed_T1.long()[..., None]).all(1)
        if not hard_share:
            return draw_classes(enough_TC, n_way_T, generator)
        is_hard_T = uniform(n_way_T.shape, generator, n_way_T.device) < hard_share
        return draw_classes(enough_TC, n_way_T, generator, self._similarity_CC, is_hard_T)

    def _draw_pictures(
        self,
        classes_TN: Int[Tensor, "T N"],
        domains_T2: Int[Tensor, "T 2"],
        is_mixed_T1: Bool[Tensor, "T 1"],
        counts: PictureCounts,
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, "T N K"], Int[Tensor, "T N K2"], Int[Tensor, "T N Q"]]:
        n_support_TN, n_twin_TN, n_query_TN = counts
        n_rest_TN = n_twin_TN + n_query_TN

        def draw(domain_T1: Int[Tensor, "T 1"], n_TN: Int[Tensor, "T N"]) -> Int[Tensor, "T N P"]:
            cells = domain_T1, classes_TN
            return self._index.draw(self._starts_XC[cells], self._counts_XC[cells], n_TN, generator)

        rows_TNP = draw(domains_T2[:, :1], n_support_TN + n_rest_TN * is_mixed_T1)
        rest_from_TN = n_support_TN
        if self._cross_share:
            second_TNP = draw(domains_T2[:, 1:], n_rest_TN * ~is_mixed_T1)
            rest_from_TN = torch.where(is_mixed_T1, n_support_TN, rows_TNP.shape[2])
            rows_TNP = torch.cat([rows_TNP, second_TNP], 2)
        return (
            _slice(rows_TNP, torch.zeros_like(n_support_TN), n_support_TN),
            _slice(rows_TNP, rest_from_TN, n_twin_TN),
            _slice(rows_TNP, rest_from_TN + n_twin_TN, n_query_TN),
        )


def divide_pictures(
    wanted_TN: Int[Tensor, "T N"],
    n_query: int,
    support_pool_TN: Int[Tensor, "T N"],
    query_pool_TN: Int[Tensor, "T N"],
    is_one_pool_T1: Bool[Tensor, "T 1"],
    *,
    twins: bool,
) -> PictureCounts:
    """Return how many pictures of each class are shots, twin shots and queries.

    Each class should have `wanted_TN` shots from one pool of pictures, and `n_query` queries and,
    with `twins`, as many shots again from another pool, perhaps the same one. If pictures are few,
    the first shots come first, then the queries, then the other shots.
    """
    is_one_TN = is_one_pool_T1.long()
    has_twin_TN = (query_pool_TN >= 2 + is_one_TN).long() * twins
    query_TN = (query_pool_TN - has_twin_TN - is_one_TN).clamp(max=n_query)
    takers_TN = is_one_TN + has_twin_TN
    most_TN = (query_pool_TN - query_TN) // takers_TN.clamp(min=1)
    most_TN = torch.where(takers_TN > 0, most_TN, support_pool_TN).minimum(support_pool_TN)
    is_usable_TN = (support_pool_TN > 0) & (query_pool_TN > 0)
    shots_TN = wanted_TN.minimum(most_TN) * is_usable_TN
    return shots_TN, shots_TN * has_twin_TN, query_TN * is_usable_TN


def _slice(
    rows_TNP: Int[Tensor, "T N P"], start_TN: Int[Tensor, "T N"], length_TN: Int[Tensor, "T N"]
) -> Int[Tensor, "T N L"]:
    """Return `length_TN` rows from `start_TN` on, padded with −1."""
    steps_L = torch.arange(int(length_TN.max()), device=rows_TNP.device)
    positions_TNL = (start_TN[..., None] + steps_L).clamp(max=max(rows_TNP.shape[2] - 1, 0))
    return rows_TNP.gather(2, positions_TNL).masked_fill(steps_L >= length_TN[..., None], -1)
