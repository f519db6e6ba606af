from __future__ import annotations

import pytest

from metaadapter.errors import DataError
from metaadapter.training.run_folder import Conditions, require_same_conditions


def test_conditions__other_data__are_named():
    before = Conditions(device="cpu", n_processes=1, data={"birds": "a1", "plants": "b2"})
    now = before.model_copy(update={"data": {"birds": "a1", "plants": "c3"}})

    with pytest.raises(DataError, match=r"data of 'plants' have changed .*--set data\.root=FOLDER"):
        require_same_conditions(before, now)
