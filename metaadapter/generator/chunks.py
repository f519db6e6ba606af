"""Chunks of rows and of tasks, so that memory does not grow with pictures times classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# A chunk of rows with one number for each class takes 16 MB in double precision. From 32 MB on, the
# C library returns memory to the system at once, which clears it again for the next chunk.
NUMBERS_AT_ONCE = 2**21


def row_chunks(
    n_rows: int, numbers_per_row: int, numbers_at_once: int | None = None
) -> Iterator[slice]:
    """Yield slices that cover the rows: one for a small task, none without rows."""
    at_once = max(1, (numbers_at_once or NUMBERS_AT_ONCE) // max(1, numbers_per_row))
    return (slice(start, start + at_once) for start in range(0, n_rows, at_once))


def predict_in_chunks(
    predict: Callable[[Support], AdapterWeights], support: Support
) -> AdapterWeights:
    """Return `predict(support)`, computed for some tasks at a time if the batch is large.

    With gradients, and on other devices, all tasks stay together.
    """
    text_TND, n_rows = support.text_TND, support.support_mask_TNK.shape[1:].numel()
    numbers = n_rows * max(text_TND.shape[-1], n_rows)
    chunks = [*row_chunks(len(text_TND), numbers)]
    if len(chunks) < 2 or torch.is_grad_enabled() or text_TND.device.type != "cpu":
        return predict(support)
    whole: dict[str, Tensor] = {}
    for tasks in chunks:
        for name, tensor in predict(_of_tasks(support, tasks)).tensors().items():
            if name not in whole:
                whole[name] = tensor.new_empty(len(text_TND), *tensor.shape[1:])
            whole[name][tasks] = tensor
    return AdapterWeights(**whole)


def _of_tasks(support: Support, tasks: slice) -> Support:
    return support.map(lambda tensor: tensor[tasks])
