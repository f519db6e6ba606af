"""A process of an evaluation that dies is told with its cause."""

from __future__ import annotations

import pytest

from metaadapter.bench.run import evaluate
from metaadapter.errors import DataError

DIES_IN_A_WORKER = """\
import multiprocessing, os

def mine(support):
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return support.head(support.text_TND)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_method__that_dies_in_a_worker__is_told(pets, ask, write_method, tmp_path):
    mine = write_method(DIES_IN_A_WORKER, "")

    with pytest.raises(DataError, match="was killed, perhaps because memory ran out"):
        evaluate(ask(pets, methods=(f"{mine}:mine", "zero-shot")), tmp_path / "run", jobs=2)
