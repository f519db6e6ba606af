"""Hides the logs and warnings of other libraries."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silence() -> Iterator[None]:
    """Hide logs and warnings within a block; handlers that the user has set still get the logs."""
    # Without a handler of the root logger, `logging.info` installs one that prints.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.getLogger().removeHandler(handler)
