"""The rows of each class in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from episodes.draws import draw_distinct
from episodes.errors import EpisodeError

# C classes, M domains, n labelled rows, P picks.


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """Rows of a table sorted by class, then by domain, then by row number."""

    rows_n: Int[Tensor, " n"]
    """Row numbers of the table, sorted."""
    starts_CM: Int[Tensor, "C M"]
    """The index in `rows_n` of the first row of each class in each domain."""
    counts_CM: Int[Tensor, "C M"]
    """The number of rows of each class in each domain."""

    @classmethod
    def from_labels(
        cls, labels: Any, domains: Any = None, *, n_classes: int | None = None
    ) -> LabelIndex:
        """Return the index of a table.

        Args:
            labels: The class number of each row, 0 … C − 1, as an array, tensor or sequence; rows
                with −1 have no label and are left out.
            domains: The domain of each row, 0 … M − 1; by default all rows are in one domain.
            n_classes: The number of classes C, including those without a row; by default one more
                than the largest label.

        Raises:
            EpisodeError: Labels or domains are not whole numbers in these ranges.
        """
        codes = _whole_numbers("labels", labels, least=-1)
        if n_classes is None:
            n_classes = int(codes.max(initial=-1)) + 1
        if codes.max(initial=-1) >= n_classes:
            raise EpisodeError(f"labels must be less than {n_classes}, got {codes.max()}")
        given = np.zeros_like(codes) if domains is None else domains
        domain_of = _whole_numbers("domains", given, least=0)
        if domain_of.shape != codes.shape:
            raise EpisodeError(f"expected {len(codes)} domains, one per row, got {len(domain_of)}")
        n_domains = int(domain_of.max(initial=0)) + 1

        cells = codes * n_domains + domain_of
        # Of numbers of 16 bits the sort looks at each digit once: 0.1 s for ten million rows.
        is_small = n_classes * n_domains <= np.iinfo(np.int16).max
        order = np.argsort(cells.astype(np.int16) if is_small else cells, kind="stable")
        order = order[np.count_nonzero(codes < 0) :]
        counts = np.bincount(cells[order], minlength=n_classes * n_domains)
        starts_CM, counts_CM = (
            torch.from_numpy(column.reshape(n_classes, n_domains))
            for column in (np.cumsum(counts) - counts, counts)
        )
        return cls(torch.from_numpy(order), starts_CM, counts_CM)

    def rows_at(self, positions: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the row numbers at these positions in `rows_n`; −1 stays −1."""
        return torch.where(positions < 0, -1, self.rows_n[positions])

    def draw(
        self,
        starts: Int[Tensor, "*cells"],
        counts: Int[Tensor, "*cells"],
        most: Int[Tensor, "*cells"] | int,
        generator: torch.Generator,
    ) -> Int[Tensor, "*cells P"]:
        """Draw up to `most` of the rows `rows_n[starts : starts + counts]`, padded with −1."""
        picks = draw_distinct(counts, counts.clamp(max=most), generator)
        return self.rows_at(torch.where(picks < 0, -1, picks + starts[..., None]))

    @property
    def n_classes(self) -> int:
        """The number of classes, including those without a row."""
        return self.counts_CM.shape[0]

    @property
    def n_domains(self) -> int:
        """The number of domains, at least 1."""
        return self.counts_CM.shape[1]

    @property
    def counts_C(self) -> Int[Tensor, " C"]:
        """The number of rows of each class over all domains."""
        return self.counts_CM.sum(1)


def _whole_numbers(name: str, given: Any, *, least: int) -> np.ndarray:
    numbers = np.asarray(given)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or numbers.min(initial=least) < least:
        raise EpisodeError(
            f"{name} must be one whole number of at least {least} a row, got shape "
            f"{numbers.shape} of {numbers.dtype}"
        )
    return numbers.astype(np.int64, copy=False)
