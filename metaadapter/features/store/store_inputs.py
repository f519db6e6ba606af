"""The pictures of a store, made from the inputs of a run when they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final, overload

import numpy as np
from jaxtyping import Int

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.features.store.input_states import InputEntry, InputStates
from metaadapter.features.store.row_table import StoredPicture


@final
class InputPictures(Sequence[StoredPicture]):
    """The stored pictures of some inputs, in order; a million of them need 8 MB."""

    def __init__(
        self, rows: Sequence[ImageRow], states: InputStates, numbers: Int[np.ndarray, " n"]
    ) -> None:
        self._rows, self._states, self._numbers = rows, states, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> StoredPicture: ...
    @overload
    def __getitem__(self, place: slice) -> InputPictures: ...
    def __getitem__(self, place: int | slice) -> StoredPicture | InputPictures:
        if isinstance(place, slice):
            return InputPictures(self._rows, self._states, self._numbers[place])
        number = int(self._numbers[place])
        row = self._rows[number]
        return StoredPicture(
            str(row.path),
            row.label or "",
            row.split or "",
            row.group or "",
            self._states.sha256(number),
        )


@dataclass(frozen=True, slots=True)
class StoreInputs:
    """The inputs of a store: its pictures, and those that are unreadable or left out."""

    rows: Sequence[ImageRow]
    states: InputStates
    pictures: InputPictures
    copies: dict[int, int]
    """The number of a duplicate → the number of the input that it repeats."""
    duplicates: tuple[tuple[StoredPicture, ...], ...]
    """Groups of equal pictures, each sorted by path."""
    n_dropped: int

    @classmethod
    def of(
        cls, rows: Sequence[ImageRow], states: InputStates, *, drop_duplicates: bool = False
    ) -> StoreInputs:
        """Find the duplicates, each of the first input in order; or drop all but the first path."""
        copies: dict[int, int] = {}
        duplicates = []
        for group in states.groups():
            pictures = list(InputPictures(rows, states, np.array(group)))
            by_path = sorted(range(len(group)), key=pictures.__getitem__)
            kept = group[by_path[0]] if drop_duplicates else group[0]
            copies |= {number: kept for number in group if number != kept}
            duplicates.append(tuple(pictures[place] for place in by_path))
        numbers = states.readable()
        if drop_duplicates:
            numbers = np.setdiff1d(numbers, list(copies))
        stored = InputPictures(rows, states, numbers)
        n_dropped = len(copies) if drop_duplicates else 0
        return cls(rows, states, stored, copies, tuple(duplicates), n_dropped)

    def quarantined(self) -> tuple[UnreadableImage, ...]:
        """Return the errors of the unreadable inputs, in order."""
        reasons = self.states.reasons
        return tuple(
            UnreadableImage(self.rows[number].path, reasons[number]) for number in sorted(reasons)
        )

    def entries(self) -> Iterator[InputEntry]:
        """Yield the lines of the table of inputs."""
        return self.states.entries(lambda number: str(self.rows[number].path), self.copies)
