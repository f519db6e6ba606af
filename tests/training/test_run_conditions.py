from __future__ import annotations

import pytest

from metaadapter.errors import DataError
from metaadapter.training.run_conditions import (
    Conditions,
    require_same_conditions,
)

BEFORE = Conditions(
    device="cpu",
    n_threads=1,
    n_processes=1,
    data={"birds": "a1", "plants": "b2"},
    versions={"torch": "2.8.0", "numpy": "2.1.0"},
    code={"training code": "d4"},
    run="r1",
)


def test_conditions__other_data__are_named():
    now = BEFORE.model_copy(update={"data": {"birds": "a1", "plants": "c3"}})

    with pytest.raises(DataError, match=r"data of 'plants' have changed .*--set data\.root=FOLDER"):
        require_same_conditions(BEFORE, now)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device": "cuda"}, "with cuda where it had cpu: "),
        ({"versions": {"torch": "2.9.0", "numpy": "2.1.0"}}, r"with torch 2.9.0 .* had 2.8.0: "),
        ({"code": {"training code": "e5"}}, "with training code e5 where it had d4: "),
    ],
)
def test_conditions__another_device_or_program__is_reported(change, message):
    with pytest.warns(UserWarning, match=message):
        require_same_conditions(BEFORE, BEFORE.model_copy(update=change))
