"""The signature of a task: where its classes lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.tensor_fields import TensorFields, require_shapes


@dataclass(frozen=True, slots=True)
class TaskSignature(TensorFields):
    """The class means and texts of one task: N classes, D wide.

    A library compares new pictures with signatures to find their task.
    """

    means: Float[Tensor, "N D"]
    """The mean of the pictures of each class; zeros where a class has none."""
    counts: Int[Tensor, " N"]
    """The number of pictures of each class."""
    text: Float[Tensor, "N D"]
    """The text feature of each class; zeros where it has none."""

    @classmethod
    def of(cls, support: Support) -> TaskSignature:
        """Return the signature of a support's only task in float32, computed in float64."""
        rows, labels = support.labelled_rows()
        text = support.text_TND[0]
        counts = labels.bincount(minlength=len(text))
        sums = rows.new_zeros(text.shape, dtype=torch.float64).index_add(0, labels, rows.double())
        means = sums / counts.clamp(min=1)[:, None]
        return cls(means=means, counts=counts, text=text).to(dtype=torch.float32)

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
