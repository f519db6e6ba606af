"""The outcomes of the first inputs of an unfinished run, so that the next run continues there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

from metaadapter.data.input_digest import inputs_digest
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.journal import Journal
from metaadapter.data.output_folder import write_errors
from metaadapter.data.table import ImageRow
from metaadapter.features.store.input_states import InputStates

JOURNAL_FILE = "inputs.jsonl"
HEAD = {"schema": "metaadapter.encoding_inputs/1"}
DIGITS = 64


@final
class InputJournal:
    """A journal of successive inputs; it counts only if they are the same files as then."""

    def __init__(
        self,
        folder: Path,
        rows: Sequence[ImageRow],
        states: InputStates,
        is_known: Callable[[str], bool],
    ) -> None:
        """Read the outcomes of an unfinished run into `states`, if their features are known."""
        self._rows, self._states, self._is_known = rows, states, is_known
        self._store = folder.parent
        self._journal = Journal(folder / JOURNAL_FILE, HEAD)
        self.n_done = 0
        """The number of first inputs with an outcome on disk."""
        self._journal.read(self._enter)

    def append(self, n_done: int) -> None:
        """Write the outcomes of the inputs before the number `n_done`."""
        numbers = range(self.n_done, n_done)
        if not numbers:
            return
        reasons = self._states.reasons
        record = {
            "n": len(numbers),
            "inputs": inputs_digest(self._rows[number] for number in numbers),
            "sha256": "".join(
                self._states.sha256(number) for number in numbers if number not in reasons
            ),
            "unreadable": {str(number): reasons[number] for number in numbers if number in reasons},
        }
        kept = f"{self.n_done} pictures are finished and kept; run the same command to continue"
        with write_errors(f"the feature store {self._store}", kept):
            self._journal.path.parent.mkdir(exist_ok=True)
            self._journal.append(record)
        self.n_done = n_done

    def _enter(self, record: Any) -> None:
        reasons = {int(number): str(reason) for number, reason in record["unreadable"].items()}
        text = record["sha256"]
        hashes = [text[start : start + DIGITS] for start in range(0, len(text), DIGITS)]
        numbers = range(self.n_done, self.n_done + record["n"])
        is_same = (
            len(hashes) + len(reasons) == len(numbers)
            and numbers.stop <= len(self._rows)
            and all(map(self._is_known, hashes))
            and inputs_digest(self._rows[number] for number in numbers) == record["inputs"]
        )
        if not is_same:
            raise ValueError("the inputs are others")
        readable = iter(hashes)
        for number in numbers:
            if number in reasons:
                error = UnreadableImage(self._rows[number].path, reasons[number])
                self._states.set(number, error)
            else:
                self._states.set(number, next(readable))
        self.n_done = numbers.stop
