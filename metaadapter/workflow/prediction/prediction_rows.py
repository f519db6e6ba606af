"""The rows of a table of predictions: one for each input, the same in every kind of file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from metaadapter.data.inputs import DONE, UNREADABLE, UnreadableImage
from metaadapter.data.manifest import UNREADABLE_REASON
from metaadapter.files.table_file import Cell, Column
from metaadapter.workflow.prediction.predictions import Prediction

Outcome: TypeAlias = "Prediction | UnreadableImage"

STATUS, SHA256 = "status", "sha256"
# An unreadable picture has only path, status and the reason.
FACTS = (
    *(Column("path"), Column("label"), Column("probability", float), Column("runner_up")),
    *(Column("runner_up_probability", float), Column("known", float), Column("unfamiliar", bool)),
    *map(Column, (STATUS, UNREADABLE_REASON, SHA256)),
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
        """Yield the row of each outcome."""
        return map(self.row, outcomes)

    def row(self, outcome: Outcome) -> list[Cell]:
        """Return the row of a prediction or of an unreadable picture."""
        if isinstance(outcome, UnreadableImage):
            cells = {"path": str(outcome.path), STATUS: UNREADABLE}
            cells[UNREADABLE_REASON] = outcome.reason
            return [cells.get(name) for name in self.names]
        facts = outcome._asdict() | {STATUS: DONE, "set": _joined(outcome.set or ())}
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
