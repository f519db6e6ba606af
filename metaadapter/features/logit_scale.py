"""The inverse temperature of an encoder: what its cosines of picture and text are multiplied by."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from metaadapter.errors import UsageError

CLIP_LOGIT_SCALE = 100.0
"""Where CLIP's trained inverse temperature saturates (paper, section 2.5): what methods that need
one take for an encoder whose own is unknown."""
# Supports are calculated with in float32.
LARGEST = 1e30


def read_logit_scale(given: Any) -> float | None:
    """A number, or an array or tensor of a single one, as a float; None stays None.

    Raises:
        UsageError: It is no positive finite number.
    """
    if given is None:
        return None
    try:
        number = given.detach() if isinstance(given, Tensor) else given
        scale = math.nan if isinstance(given, str | bytes) else float(number)
    except (TypeError, ValueError):
        scale = math.nan
    if not 0 < scale < LARGEST:
        raise UsageError(
            f"logit_scale must be positive and finite (CLIP's is 100) or None, got {given!r}"
        )
    return scale
