"""Chunks of rows and of tasks, so that memory does not grow with pictures times classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

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
    predict: Callable[[Support], AdapterWeights], support: Support, most_rows: int
) -> AdapterWeights:
    """Return `predict(support)`, computed for some tasks at a time if the batch is large.

    With places for more than `most_rows` pictures each task is alone, because not all may have so
    many. Otherwise, with gradients and on other devices, all tasks stay together.
    """
    n_rows = support.support_mask_TNK.shape[1:].numel()
    numbers = n_rows * max(support.text_TND.shape[-1], n_rows)
    if n_rows > most_rows:
        numbers = NUMBERS_AT_ONCE
    elif torch.is_grad_enabled() or support.text_TND.device.type != "cpu":
        return predict(support)
    chunks = [*row_chunks(support.n_tasks, numbers)]
    if len(chunks) < 2:
        return predict(support)
    parts = [predict(_of_tasks(support, tasks)).tensors() for tasks in chunks]
    return AdapterWeights(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


def _of_tasks(support: Support, tasks: slice) -> Support:
    return support.map(lambda tensor: tensor[tasks])
