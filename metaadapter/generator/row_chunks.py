"""Chunks of rows, so that memory does not grow with pictures times classes."""

from __future__ import annotations

from collections.abc import Iterator

# A chunk of rows with one number for each class takes 16 MB in double precision. From 32 MB on, the
# C library returns memory to the system at once, which clears it again for the next chunk.
NUMBERS_AT_ONCE = 2**21


def row_chunks(
    n_rows: int, numbers_per_row: int, numbers_at_once: int | None = None
) -> Iterator[slice]:
    """Yield slices that cover the rows: one for a small task, none without rows."""
    at_once = max(1, (numbers_at_once or NUMBERS_AT_ONCE) // max(1, numbers_per_row))
    return (slice(start, start + at_once) for start in range(0, n_rows, at_once))
