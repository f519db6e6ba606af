"""Where each class's pictures are in a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from episodes.errors import EpisodeError

__all__ = ["LabelIndex"]

# C classes, M domains, n labelled rows.


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """Rows of a table sorted by class, within a class by domain, else as they came."""

    names: tuple[Any, ...]
    """Label of each class: position c of this tuple is class number c everywhere."""
    rows_n: Int[Tensor, " n"]
    """Row numbers of the table, sorted."""
    starts_CM: Int[Tensor, "C M"]
    """Where in `rows_n` the rows of a class and domain begin."""
    counts_CM: Int[Tensor, "C M"]
    """How many they are."""

    @classmethod
    def from_labels(
        cls, labels: Any, domains: Any = None, *, n_classes: int | None = None
    ) -> LabelIndex:
        """Sort a table's rows by label.

        Args:
            labels: One text or whole number a row, as an array, tensor or sequence.
            domains: The domain of each row, 0 … M − 1; without it there is one.
            n_classes: If given, labels are class numbers 0 … n_classes − 1 and classes without
                a row keep their number; −1 marks a row without label, which is left out.

        Raises:
            EpisodeError: The labels are of another kind or out of range, or the domains do not fit.
        """
        codes, names = _encode(np.asarray(labels), n_classes)
        domain_of = _as_domains(domains, len(codes))
        n_domains = int(domain_of.max(initial=0)) + 1

        cells = codes * n_domains + domain_of
        order = np.argsort(cells, kind="stable")
        order = order[np.count_nonzero(codes < 0) :]
        counts = np.bincount(cells[order], minlength=len(names) * n_domains)
        starts = np.cumsum(counts) - counts
        shape = (len(names), n_domains)
        return cls(
            names=names,
            rows_n=torch.from_numpy(order),
            starts_CM=torch.from_numpy(starts.reshape(shape)),
            counts_CM=torch.from_numpy(counts.reshape(shape)),
        )

    def rows_at(self, places: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Row numbers at places of `rows_n`; −1 stays −1."""
        return torch.where(places < 0, -1, self.rows_n[places])

    def to(self, device: str | torch.device) -> LabelIndex:
        """The same index with its tensors on a device."""
        parts = (self.rows_n, self.starts_CM, self.counts_CM)
        return LabelIndex(self.names, *(part.to(device) for part in parts))

    @property
    def n_classes(self) -> int:
        """Number of classes, those without a row among them."""
        return len(self.names)

    @property
    def n_domains(self) -> int:
        """Number of domains, at least 1."""
        return self.counts_CM.shape[1]

    @property
    def counts_C(self) -> Int[Tensor, " C"]:
        """Rows of each class over all domains."""
        return self.counts_CM.sum(1)


def _encode(labels: np.ndarray, n_classes: int | None) -> tuple[np.ndarray, tuple[Any, ...]]:
    is_text = labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels)
    if labels.ndim != 1 or not (labels.dtype.kind in "iuU" or is_text):
        raise EpisodeError(
            "labels must be one text or whole number a row, "
            f"got shape {labels.shape} of {labels.dtype}"
        )
    if n_classes is None:
        names, codes = np.unique(labels, return_inverse=True)
        return codes.astype(np.int64, copy=False), tuple(names.tolist())
    if labels.dtype.kind not in "iu":
        raise EpisodeError(f"with n_classes, labels must be class numbers, got {labels.dtype}")
    if len(labels) and not (int(labels.min()) >= -1 and int(labels.max()) < n_classes):
        raise EpisodeError(
            f"class numbers must be -1 (no label) or 0 to {n_classes - 1}, "
            f"got {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64, copy=False), tuple(range(n_classes))


def _as_domains(domains: Any, n_rows: int) -> np.ndarray:
    domain_of = np.zeros(n_rows, dtype=np.int64) if domains is None else np.asarray(domains)
    if domain_of.shape != (n_rows,) or domain_of.dtype.kind not in "iu" or (domain_of < 0).any():
        raise EpisodeError(
            f"domains must be one whole number of at least 0 for each of the {n_rows} rows, got "
            f"shape {domain_of.shape} of {domain_of.dtype}, the least {domain_of.min(initial=0)}"
        )
    return domain_of.astype(np.int64, copy=False)
