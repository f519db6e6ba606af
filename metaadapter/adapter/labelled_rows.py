"""The labelled pictures of a task in which a picture may show several classes, or none."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int8
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.errors import DataError

MOST_PICTURES = 4096
"""A matrix of the inner products of more pictures takes minutes to factor."""
UNKNOWN = -1


class LabelledRows(NamedTuple):
    """The n pictures of a task with C classes, of which each picture may show any number."""

    rows_ND: Float[Tensor, "n D"]
    """Unit rows."""
    shows_NC: Bool[Tensor, "n C"]
    """True where a picture is labelled with a class."""
    known_NC: Bool[Tensor, "n C"]
    """True where it is known whether the picture shows the class."""

    @classmethod
    def of_labels(
        cls, rows_ND: Float[Tensor, "n D"], label_NC: Int8[Tensor, "n C"]
    ) -> LabelledRows:
        """Return pictures whose labels are 1 (shown), 0 (not shown) or −1 (not known)."""
        return cls(rows_ND, label_NC == 1, label_NC != UNKNOWN)

    @property
    def label_NC(self) -> Int8[Tensor, "n C"]:
        """1 where a picture shows a class, 0 where not, −1 where that is not known."""
        return torch.where(self.known_NC, self.shows_NC.to(torch.int8), UNKNOWN).to(torch.int8)

    def require(self) -> None:
        """Raise a `DataError` if there are too many pictures, or a class is in none."""
        if len(self.rows_ND) > MOST_PICTURES:
            raise DataError(
                f"several labels take at most {MOST_PICTURES} pictures, got {len(self.rows_ND)}; "
                "give fewer"
            )
        if not (self.shows_NC & self.known_NC).any(0).all():
            raise DataError("expected a picture of each class; leave out classes without one")

    def by_class(
        self,
        text_CD: Float[Tensor, "C D"],
        logit_scale: float | None = None,
        blocks: tuple[int, ...] = (),
    ) -> Support:
        """Return a support in which a picture of several classes is in each of them."""
        picture_M, class_M = (self.shows_NC & self.known_NC).nonzero(as_tuple=True)
        rows_MD = self.rows_ND[picture_M]
        return Support.of_rows(rows_MD, class_M, text_CD, logit_scale=logit_scale, blocks=blocks)
