"""The rows of a table of predictions: one for each input, the same in every kind of file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeAlias

from metaadapter.data.inputs import DONE, DUPLICATE, UNREADABLE, UnreadableImage
from metaadapter.data.manifest import UNREADABLE_REASON
from metaadapter.data.table_file import ROWS_AT_ONCE, Cell, Column
from metaadapter.errors import DataError
from metaadapter.workflow.predictions import Prediction

Outcome: TypeAlias = "Prediction | UnreadableImage"

STATUS, DUPLICATE_OF, SHA256 = "status", "duplicate_of", "sha256"
# An unreadable picture has only path, status and the reason.
FACTS = (
    *(Column("path"), Column("label"), Column("probability", float), Column("runner_up")),
    *(Column("runner_up_probability", float), Column("known", float), Column("unfamiliar", bool)),
    *map(Column, (STATUS, UNREADABLE_REASON, DUPLICATE_OF, SHA256)),
)
# A manifest of pictures names these columns in the same way.
SIDES = tuple(f"box_{side}" for side in ("left", "top", "width", "height"))
OF_BOXES = (
    *(Column(side, float) for side in SIDES),
    *(Column("detected"), Column("confidence", float), Column("source")),
)
OF_TIMES = (Column("time"), Column("series"), Column("animal", int))
# The sure answer of a label tree: its name, its level, the path to it, and the probabilities there.
OF_TREE = (
    *(Column("sure_label"), Column("sure_probability", float), Column("sure_level", int)),
    *(Column("sure_path"), Column("sure_probabilities")),
)
BETWEEN = " | "
# The index of the contents that were seen takes this much memory; the rest of it is on disk.
CACHE_KIB = 32_768


@dataclass(frozen=True)
class RowFormat:
    """The columns of a table, among them the probability of each class."""

    classes: Sequence[str]
    sets: bool = False
    """Whether a column `set` lists the classes that a picture may show."""
    boxes: bool = False
    times: bool = False
    tree: bool = False
    """Whether columns have the sure answer of a label tree."""

    @cached_property
    def facts(self) -> tuple[Column, ...]:
        """All columns but those of the classes."""
        return (
            *FACTS,
            *([Column("set")] if self.sets else []),
            *(OF_BOXES if self.boxes else []),
            *(OF_TIMES if self.times else []),
            *(OF_TREE if self.tree else []),
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns."""
        return (*self.facts, *(Column(f"p_{label}", float) for label in self.classes))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def rows(self, outcomes: Iterable[Outcome]) -> Iterator[list[Cell]]:
        """Yield the rows; one whose picture has the content of an earlier one is a duplicate.

        The contents are in a private file on disk, so that memory is bounded.
        """
        numbered = enumerate(outcomes)
        try:
            with closing(sqlite3.connect("")) as seen:
                seen.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
                seen.execute(
                    "CREATE TABLE seen (content BLOB PRIMARY KEY, number, path BLOB) WITHOUT ROWID"
                )
                while part := list(islice(numbered, ROWS_AT_ONCE)):
                    first = _earlier_paths(seen, part)
                    for number, outcome in part:
                        yield self.row(outcome, first.get(number))
        except sqlite3.Error as error:
            raise DataError(
                f"cannot keep the list of pictures in the temporary folder: {error}; free some "
                "space there, or name another folder with the environment variable TMPDIR"
            ) from error

    def row(self, outcome: Outcome, first: str | None = None) -> list[Cell]:
        """Return the row of an outcome; `first` is an earlier picture with the same content."""
        if isinstance(outcome, UnreadableImage):
            cells = {"path": str(outcome.path), STATUS: UNREADABLE}
            cells[UNREADABLE_REASON] = outcome.reason
            return [cells.get(name) for name in self.names]
        facts = outcome._asdict() | {STATUS: DUPLICATE if first else DONE, DUPLICATE_OF: first}
        facts["set"] = _joined(outcome.set or ())
        if outcome.box is not None:
            facts |= zip(SIDES, outcome.box, strict=True)
        if outcome.sure is not None:  # a label that the detector gave has none
            facts |= {
                f"sure_{name}": _joined(cell) for name, cell in outcome.sure._asdict().items()
            }
        names = self.names[: len(self.facts)]
        row = [None if (cell := facts.get(name)) == "" else cell for name in names]
        return [*row, *map(outcome.probabilities.get, self.classes)]


def _joined(cell: Any) -> Any:
    return BETWEEN.join(map(str, cell)) if isinstance(cell, tuple) else cell


def _earlier_paths(seen: sqlite3.Connection, part: Iterable[tuple[int, Outcome]]) -> dict[int, str]:
    """Return the path of the first picture of a content, by the numbers of the later ones."""
    entries = [
        # A quarter of the letters of a content hash, to save disk space.
        (blake2b(one.sha256.encode(), digest_size=16).digest(), number, os.fsencode(one.path))
        for number, one in part
        if isinstance(one, Prediction) and one.sha256
    ]
    earlier: dict[int, str] = {}
    new = seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", entries).rowcount
    for content, number, _ in entries if new < len(entries) else ():
        question = "SELECT number, path FROM seen WHERE content = ?"
        first, path = seen.execute(question, (content,)).fetchone()
        if first != number:
            earlier[number] = os.fsdecode(path)
    return earlier
