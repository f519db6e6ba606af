"""The inverse temperature of an encoder, by which cosines of pictures and texts are multiplied."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from metaadapter.errors import UsageError

CLIP_LOGIT_SCALE = 100.0
"""The inverse temperature at which CLIP's training saturates (paper, section 2.5), the default for
encoders without a known one."""
# Supports are computed in float32, which cannot hold much larger numbers.
LARGEST = 1e30


def read_logit_scale(given: Any) -> float | None:
    """Return a positive finite number, also from an array or tensor, as a float; None for None."""
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
