"""A process of an evaluation that dies is told with its cause."""

from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.run import evaluate
from metaadapter.errors import DataError, UsageError

IN_A_WORKER = "multiprocessing.parent_process() is not None"


@pytest.fixture
def write(tmp_path):
    """A method that does something in a worker alone, when it is loaded or called."""

    def make(*, loaded="pass", called="pass"):
        path = tmp_path / "mine.py"
        path.write_text(
            "import multiprocessing, os\n"
            "class Odd(Exception):\n"
            "    def __init__(self, one, two): super().__init__(one)\n"
            f"if {IN_A_WORKER}:\n    {loaded}\n"
            "def mine(support):\n"
            f"    if {IN_A_WORKER}:\n        {called}\n"
            "    return support.head(support.text_TND)\n"
        )
        return f"{path}:mine"

    return make


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (
            {"loaded": "raise ImportError('no licence here')"},
            UsageError,
            r"method '.*mine\.py:mine' cannot be loaded: ImportError: no licence here "
            r"\(mine\.py, line 5\)",
        ),
        (
            {"called": "raise Odd('one', 'two')"},
            UsageError,
            r"method '.*mine\.py:mine' failed on 1 task\(s\) of 4 ways .*: Odd: one "
            r"\(mine\.py, line 8\)",
        ),
        ({"called": "os._exit(9)"}, DataError, "was killed, perhaps because memory ran out"),
    ],
    ids=["fails when loaded", "fails when called", "dies"],
)
def test_method__that_fails_in_a_worker__is_told(code, error, message, write, pets, ask, tmp_path):
    config = ask(pets, methods=(write(**code), "zero-shot"))
    with pytest.raises(error, match=message):
        evaluate(config, tmp_path / "run", jobs=2)
