"""The rows of a table of predictions: one for each input, the same in every kind of file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.data.crop import Box
from metaadapter.data.input_status import DONE, UNREADABLE
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.label_sets import NO_LABEL, SEPARATOR
from metaadapter.data.manifest import UNREADABLE_REASON
from metaadapter.workflow.predictions import Prediction

Cell: TypeAlias = "str | float | int | bool | None"
Row: TypeAlias = "list[Cell]"
"""The cells of one input, in the order of `RowFormat.columns`; None for a value that is unknown."""
Outcome: TypeAlias = "Prediction | UnreadableImage"

STATUS, DUPLICATE_OF, SHA256 = "status", "duplicate_of", "sha256"
# From path to runner_up_probability; an unreadable picture has only path, status and the reason.
FIRST = (*Prediction._fields[:5], "known", "unfamiliar")
COLUMNS = (*FIRST, STATUS, UNREADABLE_REASON, DUPLICATE_OF, SHA256)
# A manifest of pictures names these columns in the same way.
BOX_COLUMNS = ("box_left", "box_top", "box_width", "box_height", "detected", "confidence")
# The sure answer of a label tree: its name, its level, the path to it, and the probabilities there.
TREE_COLUMNS = ("sure_label", "sure_probability", "sure_level", "sure_path", "sure_probabilities")
NUMBERS = {
    "probability",
    "runner_up_probability",
    "known",
    "sure_probability",
    *BOX_COLUMNS[:4],
    "confidence",
}
BETWEEN = " | "
ROWS_AT_ONCE = 1024


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
    several: bool = False
    """Whether the label of a picture joins several."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (*self._facts, *(f"p_{label}" for label in self.classes))

    @cached_property
    def kinds(self) -> tuple[type[str | float | bool | int], ...]:
        """The kind of the values in each column."""
        facts = {"unfamiliar": bool, "animal": int, "sure_level": int} | dict.fromkeys(
            NUMBERS, float
        )
        return (*(facts.get(name, str) for name in self._facts), *[float] * len(self.classes))

    @property
    def _facts(self) -> tuple[str, ...]:
        return (
            *COLUMNS,
            *(["set"] if self.sets else []),
            *((*BOX_COLUMNS, "source") if self.boxes else []),
            *(["time", "series", "animal"] if self.times else []),
            *(TREE_COLUMNS if self.tree else []),
        )

    def row(self, outcome: Outcome) -> Row:
        """Return the row of a prediction or of a picture that could not be read."""
        if isinstance(outcome, UnreadableImage):
            nothing: Row = [None] * len(self.columns)
            nothing[0] = str(outcome.path)
            nothing[len(FIRST) : len(FIRST) + 2] = UNREADABLE, outcome.reason
            return nothing
        unfamiliar = bool(outcome.unfamiliar)
        row: Row = [*outcome[:5], outcome.known, unfamiliar, DONE, None, None, outcome.sha256]
        if self.sets:
            row.append(BETWEEN.join(outcome.set or ()))
        if self.boxes:
            row += [*(outcome.box or (None,) * 4), outcome.detected, outcome.confidence]
            row.append(outcome.source)
        if self.times:
            row += [outcome.time, outcome.series, outcome.animal]
        if self.tree:
            row += _sure_cells(outcome.sure)
        shares = outcome.probabilities
        row += map(shares.get, self.classes)
        return [None if cell == "" else cell for cell in row]

    def prediction(self, row: Row) -> Prediction | None:
        """Return the prediction in a row, without its true label and `in_support`, or None."""
        cells: Mapping[str, Any] = dict(zip(self.columns, row, strict=True))
        if cells[STATUS] == UNREADABLE:
            return None
        shares = zip(self.classes, row[len(row) - len(self.classes) :], strict=True)
        sides: list[Any] = [cells.get(column) for column in BOX_COLUMNS[:4]]
        return Prediction(
            path=cells["path"],
            label=cells["label"],
            probability=cells["probability"],
            runner_up=cells["runner_up"] or "",
            runner_up_probability=cells["runner_up_probability"],
            in_support=False,
            probabilities={label: float(share) for label, share in shares if share is not None},
            known=cells["known"],
            unfamiliar=cells["unfamiliar"],
            set=tuple(cells["set"].split(BETWEEN)) if cells.get("set") else None,
            box=None if None in sides else Box(*sides),
            detected=cells.get("detected"),
            confidence=cells.get("confidence"),
            time=cells.get("time"),
            series=cells.get("series"),
            animal=cells.get("animal"),
            source=cells.get("source"),
            sha256=cells[SHA256] or "",
            sure=_sure_answer(cells) if self.tree else None,
            labels=labels_of(cells["label"]) if self.several else None,
        )


def _sure_cells(sure: SureAnswer | None) -> Row:
    if sure is None:  # a label that the detector gave
        return [None] * len(TREE_COLUMNS)
    shares = BETWEEN.join(map(repr, sure.probabilities))
    return [sure.label, sure.probability, sure.level, BETWEEN.join(sure.path), shares]


def _sure_answer(cells: Mapping[str, Any]) -> SureAnswer | None:
    label, probability, level, path, shares = (cells[column] for column in TREE_COLUMNS)
    if level is None:
        return None
    names, numbers = ((text or "").split(BETWEEN) if level else [] for text in (path, shares))
    return SureAnswer(label, probability, level, tuple(names), tuple(map(float, numbers)))


def labels_of(label: str) -> tuple[str, ...]:
    """Return the labels that the label of a prediction joins, in their order."""
    return () if label == NO_LABEL else tuple(label.split(SEPARATOR))


def in_parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of `ROWS_AT_ONCE`; the last list may be shorter."""
    rest = iter(rows)
    while part := list(islice(rest, ROWS_AT_ONCE)):
        yield part
