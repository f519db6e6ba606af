"""Keeps the notes of other libraries, on what they do all the same, from the user."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence() -> Iterator[None]:
    """Within the block nothing is logged or warned; a handler that the user set still gets it."""
    # `logging.info` on a root logger without handlers sets one up that prints.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.getLogger().removeHandler(handler)
