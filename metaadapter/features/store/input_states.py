"""The status of each input of a store: done, unreadable, or a duplicate of another input."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple, final

import numpy as np
from jaxtyping import Int

from metaadapter.data.input_status import DONE, DUPLICATE, UNREADABLE
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError
from metaadapter.features.encoding_pipeline import Outcome
from metaadapter.features.store.row_table import REMEDY


class InputEntry(NamedTuple):
    """A line of the table of inputs; "" stands for what does not apply."""

    path: str
    status: str
    reason: str = ""
    """Why an unreadable picture cannot be read."""
    duplicate_of: str = ""
    """The path of the picture with equal content whose features a duplicate has."""


@final
class InputStates:
    """The content hashes of inputs by number, in 32 bytes each, and why others cannot be read."""

    def __init__(self, n_inputs: int) -> None:
        self._digests = np.zeros(n_inputs, "V32")
        self.reasons: dict[int, str] = {}
        """Number of an unreadable input → why it cannot be read."""

    def __len__(self) -> int:
        return len(self._digests)

    def set(self, number: int, outcome: Outcome) -> None:
        """Set the outcome of an input."""
        self.reasons.pop(number, None)
        if isinstance(outcome, UnreadableImage):
            self.reasons[number] = outcome.reason
        else:
            self._digests[number] = np.void(bytes.fromhex(outcome))

    def sha256(self, number: int) -> str:
        """Return the content hash of a readable input."""
        return bytes(self._digests[number]).hex()

    def readable(self) -> Int[np.ndarray, " readable"]:
        """Return the numbers of the readable inputs."""
        return np.delete(np.arange(len(self)), sorted(self.reasons))

    def groups(self) -> list[list[int]]:
        """Return the numbers of inputs with equal content, for contents of two inputs or more."""
        readable = self.readable()
        digests = self._digests[readable].view("S32")
        order = np.argsort(digests, kind="stable")
        is_same = digests[order][1:] == digests[order][:-1]
        groups = defaultdict[int, list[int]](list)
        first = 0
        for place in np.flatnonzero(is_same).tolist():
            if place == 0 or not is_same[place - 1]:
                first = int(readable[order[place]])
                groups[first].append(first)
            groups[first].append(int(readable[order[place + 1]]))
        return [groups[number] for number in sorted(groups)]

    def entries(
        self, path_of: Callable[[int], str], copies: Mapping[int, int]
    ) -> Iterator[InputEntry]:
        """Yield the lines of all inputs; `copies` maps a duplicate to the input that it repeats."""
        for number in range(len(self)):
            path = path_of(number)
            if number in self.reasons:
                yield InputEntry(path, UNREADABLE, self.reasons[number])
            elif number in copies:
                yield InputEntry(path, DUPLICATE, "", path_of(copies[number]))
            else:
                yield InputEntry(path, DONE)


def write_inputs(file: IO[bytes], entries: Iterable[InputEntry]) -> None:
    """Write the table of inputs, as CSV in UTF-8 with a header."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    lines = csv.writer(text)
    lines.writerow(InputEntry._fields)
    lines.writerows(entries)
    text.detach()


def read_inputs(path: Path) -> Iterator[InputEntry]:
    """Yield the lines of a table of inputs; `DataError` for other columns or broken lines."""
    try:
        with regular(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.reader(file, strict=True)
            if tuple(next(lines, ())) != InputEntry._fields:
                raise ValueError("its columns are others")
            for line in lines:
                yield InputEntry(*line)
    except (OSError, TypeError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} should be a table with the columns {', '.join(InputEntry._fields)}; it is "
            f"damaged or was edited ({error}): {REMEDY}"
        ) from error
