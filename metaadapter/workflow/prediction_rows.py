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
from typing import TypeAlias

from metaadapter.adapter.label_tree import SureAnswer
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
OF_BOXES = (
    *(Column(f"box_{side}", float) for side in ("left", "top", "width", "height")),
    *(Column("detected"), Column("confidence", float), Column("source")),
)
OF_TIMES = (Column("time"), Column("series"), Column("animal", int))
# The sure answer of a label tree: its name, its level, the path to it, and the probabilities there.
OF_TREE = (
    *(Column("sure_label"), Column("sure_probability", float), Column("sure_level", int)),
    *(Column("sure_path"), Column("sure_probabilities")),
)
BETWEEN = " | "
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
    def columns(self) -> tuple[Column, ...]:
        """All columns."""
        return (
            *FACTS,
            *([Column("set")] if self.sets else []),
            *(OF_BOXES if self.boxes else []),
            *(OF_TIMES if self.times else []),
            *(OF_TREE if self.tree else []),
            *(Column(f"p_{label}", float) for label in self.classes),
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)

    def row(self, outcome: Outcome) -> list[Cell]:
        """Return the row of a prediction or of a picture that could not be read."""
        if isinstance(outcome, UnreadableImage):
            facts = {"path": str(outcome.path), STATUS: UNREADABLE}
            facts[UNREADABLE_REASON] = outcome.reason
            return [facts.get(name) for name in self.names]
        unfamiliar = bool(outcome.unfamiliar)
        row: list[Cell] = [*outcome[:5], outcome.known, unfamiliar, DONE, None, None]
        row.append(outcome.sha256)
        if self.sets:
            row.append(BETWEEN.join(outcome.set or ()))
        if self.boxes:
            row += [*(outcome.box or (None,) * 4), outcome.detected, outcome.confidence]
            row.append(outcome.source)
        if self.times:
            row += [outcome.time, outcome.series, outcome.animal]
        if self.tree:
            row += _sure_cells(outcome.sure)
        row = [None if cell == "" else cell for cell in row]
        row += map(outcome.probabilities.get, self.classes)
        return row

    def rows(self, outcomes: Iterable[Outcome]) -> Iterator[list[Cell]]:
        """Yield the rows; one whose picture has the content of an earlier one is a duplicate.

        The contents are in a private file on disk, so that memory is bounded.
        """
        status, original = self.names.index(STATUS), self.names.index(DUPLICATE_OF)
        with closing(sqlite3.connect("", isolation_level=None)) as seen:
            for command in (
                f"PRAGMA cache_size = -{CACHE_KIB}",
                "PRAGMA journal_mode = OFF",
                "CREATE TABLE seen (content BLOB PRIMARY KEY, number, path BLOB) WITHOUT ROWID",
                "BEGIN",
            ):
                seen.execute(command)
            numbered = enumerate(outcomes)
            while part := list(islice(numbered, ROWS_AT_ONCE)):
                first = _earlier_paths(seen, part)
                for number, outcome in part:
                    row = self.row(outcome)
                    if number in first:
                        row[status], row[original] = DUPLICATE, first[number]
                    yield row


def _earlier_paths(seen: sqlite3.Connection, part: Iterable[tuple[int, Outcome]]) -> dict[int, str]:
    """Return the path of the first picture of a content, by the numbers of the later ones."""
    entries = [
        (_key(outcome.sha256), number, os.fsencode(outcome.path))
        for number, outcome in part
        if isinstance(outcome, Prediction) and outcome.sha256
    ]
    earlier: dict[int, str] = {}
    try:
        new = seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", entries).rowcount
        for content, number, _ in entries if new < len(entries) else ():
            question = "SELECT number, path FROM seen WHERE content = ?"
            first, path = seen.execute(question, (content,)).fetchone()
            if first != number:
                earlier[number] = os.fsdecode(path)
    except sqlite3.Error as error:
        raise DataError(
            f"cannot keep the list of pictures in the temporary folder: {error}; free some space "
            "there, or name another folder with the environment variable TMPDIR"
        ) from error
    return earlier


def _key(sha256: str) -> bytes:
    """Return a quarter of the letters of a content hash, to save disk space."""
    return blake2b(sha256.encode(), digest_size=16).digest()


def _sure_cells(sure: SureAnswer | None) -> list[Cell]:
    if sure is None:  # a label that the detector gave
        return [None] * len(OF_TREE)
    shares = BETWEEN.join(map(repr, sure.probabilities))
    return [sure.label, sure.probability, sure.level, BETWEEN.join(sure.path), shares]
