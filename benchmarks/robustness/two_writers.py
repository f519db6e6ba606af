"""Two commands write to one folder at the same time: one waits, or is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from signal import SIGSTOP
from typing import NamedTuple

import numpy as np

from benchmarks.robustness.forked import Changes, Ending
from benchmarks.robustness.materials import Materials
from benchmarks.robustness.readers import Content
from benchmarks.robustness.trial import Verdict
from benchmarks.robustness.work import Work
from benchmarks.robustness.writers import (
    WRITERS,
    Command,
    adapt_command,
    add_command,
    library_command,
)

# The second command, where it differs from the first.
SECOND = {
    "adapt": adapt_command("other_store"),
    "adapt over": adapt_command("other_store"),
    "add": add_command("raven", "ravens"),
    "library": library_command("add", "second", "other_adapter"),
    "library add": library_command("add", "newer", "other_adapter"),
    "library replace": library_command("replace", "c", "other_adapter"),
    "library remove": library_command("remove", "c"),
}
# Of two commands that write one table, the first to end takes the unfinished file.
REFUSALS = ("another run is writing", "is not empty", "No such file or directory")


class Pair(NamedTuple):
    """A folder, the second command, and the contents to expect if either or both succeed."""

    work: Work
    second: Command
    expected: dict[tuple[bool, bool], list[Content | None]]


class TwoWriters:
    """The first command is stopped at a random call while the second one runs."""

    KINDS = tuple(kind for kind, writer in WRITERS.items() if writer.is_whole)

    def __init__(self, folder: Path) -> None:
        materials = Materials(folder / "materials")
        self._pair = cache(
            lambda kind: self._make(kind, Work(folder / kind, materials, WRITERS[kind]))
        )

    def _make(self, kind: str, work: Work) -> Pair:
        first, second = work.writer.command, SECOND.get(kind, work.writer.command)
        after = {}
        for commands in {(first,), (second,), (first, second), (second, first)}:
            work.begin()
            for command in commands:
                if (ending := work.run(command=command)).code and not work.writer.once:
                    raise RuntimeError(str(ending))
            after[commands] = work.read()
        both = [after[first, second], after[second, first]]
        expected = {
            (True, False): [after[first,]],
            (False, True): [after[second,]],
            (True, True): both,
        }
        return Pair(work, second, expected)

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        work, second, expected = self._pair(kind)
        work.begin()
        call = int(rng.integers(1, work.n_changes + 1))
        what = f"the first one stopped at call {call}"
        first = work.start(Changes(work.out, call, SIGSTOP).begin)
        has_stopped = first.stopped()
        second_ending = work.run(command=second)
        if has_stopped:
            first.resume()
        endings = [first.ended(), second_ending]
        for ending in endings:
            if ending.code and not _is_refused(ending):
                return Verdict("fault", what, failed=True, detail=str(ending))
        succeeded = endings[0].code == 0, endings[1].code == 0
        if succeeded not in expected:
            return Verdict("both failed", what, failed=True, detail=" ".join(map(str, endings)))
        if fault := work.fault(*expected[succeeded]):
            return Verdict("not whole", what, failed=True, detail=f"{succeeded}: {fault}")
        return Verdict("in turn" if all(succeeded) else "one refused", what)


def _is_refused(ending: Ending) -> bool:
    return ending.code == 3 and any(words in ending.err for words in REFUSALS)
