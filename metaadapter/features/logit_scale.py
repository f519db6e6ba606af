"""The inverse temperature of an encoder, the factor of its cosines of picture and text."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from metaadapter.errors import UsageError

CLIP_LOGIT_SCALE = 100.0
"""The inverse temperature at which CLIP's training saturates (paper, section 2.5), the default for
encoders without a known one."""
# Supports are computed in float32.
LARGEST = 1e30


def read_logit_scale(given: Any) -> float | None:
    """Read a positive finite number, or an array or tensor of one, as a float; None stays None."""
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
