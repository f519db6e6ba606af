from __future__ import annotations

import pytest

from metaadapter.bench.report.words import (
    fraction,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.25, "25 %"),
        (0.9949, "99 %"),
        (0.99999, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_fraction__of_nearly_all__is_not_called_all(value, text):
    assert fraction(value).replace("\u00a0", " ") == text
