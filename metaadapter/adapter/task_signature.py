"""The signature of a task: where its classes lie, and how its pictures scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.tensor_fields import TensorFields, require_shapes

MOST_DIRECTIONS = 32


@dataclass(frozen=True, slots=True)
class TaskSignature(TensorFields):
    """The class means of one task, and how its pictures scatter around them.

    A library compares new pictures with signatures to find their task. A signature holds no
    picture. The pooled within-class covariance of the labelled pictures is approximately

        Σ_r variances_r · directions_r directions_rᵀ + noise · (projection onto the complement)

    Its degrees of freedom are the number of pictures minus the number of classes with pictures. R
    is at most this number and at most 32; if it is 0, noise is 0, too. There are N classes; D is
    the width.
    """

    means: Float[Tensor, "N D"]
    """The mean of the pictures of each class; zeros where a class has none."""
    counts: Int[Tensor, " N"]
    """The number of pictures of each class."""
    directions: Float[Tensor, "R D"]
    """Orthonormal rows, those of the largest variance first."""
    variances: Float[Tensor, " R"]
    """The variance along each direction."""
    noise: Float[Tensor, ""]
    """The mean variance along the other D − R dimensions."""
    text: Float[Tensor, "N D"]
    """The text feature of each class; zeros where it has none."""

    @classmethod
    def of(cls, support: Support) -> TaskSignature:
        """Return the signature of a support's only task in float32, computed in float64."""
        rows, labels = support.labelled_rows()
        rows, text = rows.double(), support.text_TND[0]
        counts = labels.bincount(minlength=len(text))
        sums = rows.new_zeros(text.shape).index_add(0, labels, rows)
        means = sums / counts.clamp(min=1)[:, None]
        centred, width = rows - means[labels], text.shape[1]
        freedom = len(rows) - int(counts.count_nonzero())
        n_kept = min(freedom, MOST_DIRECTIONS, width)
        directions, variances = _principal(centred, n_kept)
        variances = variances / max(freedom, 1)
        left = centred.square().sum() / max(freedom, 1) - variances.sum()
        signature = cls(
            means=means,
            counts=counts,
            directions=directions,
            variances=variances,
            noise=left.clamp(min=0) / max(width - n_kept, 1),
            text=text,
        )
        return signature.to(dtype=torch.float32)

    @classmethod
    def unknown(cls, n_way: int, width: int) -> TaskSignature:
        """Return the signature of a task whose classes have no pictures and no texts."""
        return cls.of(Support.of_tasks(torch.zeros(1, n_way, 0, width)))

    def require_task(self, n_way: int, width: int) -> None:
        """Raise `ValueError` unless a signature from a file fits the task and is usable."""
        tensors = self.tensors()
        require_shapes(TaskSignature, tensors, N=n_way, D=width)
        if (self.counts < 0).any():
            raise ValueError("a count of the signature is negative")
        # By numpy, as starting the threads of torch takes a thousand times longer than this check.
        if not all(np.isfinite(tensor.numpy()).all() for tensor in tensors.values()):
            raise ValueError("a number of the signature is NaN or infinite")
        if (self.variances < 0).any() or self.noise < 0:
            raise ValueError("a variance of the signature is negative")


def _principal(
    rows: Float[Tensor, "n D"], n_kept: int
) -> tuple[Float[Tensor, "R D"], Float[Tensor, " R"]]:
    """Return principal directions, whose largest entry is positive, and squares along them."""
    if n_kept == 0:
        return rows[:0], rows.new_zeros(0)
    is_wide = len(rows) <= rows.shape[1]  # solve the smaller of two problems
    squares, columns = torch.linalg.eigh(rows @ rows.T if is_wide else rows.T @ rows)
    squares, directions = squares.flip(0).clamp(min=0), columns.T.flip(0)
    directions, squares = directions[:n_kept], squares[:n_kept]
    if is_wide:
        directions = normalize(directions @ rows, dim=-1)
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * largest.sign(), squares
